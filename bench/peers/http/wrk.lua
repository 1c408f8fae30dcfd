-- The requests of the suite `http`: `wrk … -s wrk.lua URL -- CASE`. Prints `result REQUESTS MICROSECONDS ERRORS`.

-- A string that is always the same costs wrk no call of Lua for each request: `wrk.format` is asked for it once.
local function always(text)
   wrk.format = function() return text end
end

local cases = {}

function cases.hello()
   always(wrk.format('GET', '/'))
end

function cases.pipelined()
   always(string.rep(wrk.format('GET', '/'), 16))
end

-- A path of many, so that nothing can be remembered by the whole of it.
function cases.orders()
   local requests = {}
   for id = 1, 10000 do
      local order = string.format('{"item":"lamp","quantity":%d}', id % 9 + 1)
      requests[id] = wrk.format('POST', '/orders/' .. id, { ['Content-Type'] = 'application/json', Host = wrk.headers.Host }, order)
   end
   local id = 0
   function request()
      id = id % #requests + 1
      return requests[id]
   end
end

function init(args)
   cases[args[1]]()
end

function done(summary)
   local e = summary.errors
   local errors = e.connect + e.read + e.write + e.status + e.timeout
   print(string.format('result %d %d %d', summary.requests, summary.duration, errors))
end
