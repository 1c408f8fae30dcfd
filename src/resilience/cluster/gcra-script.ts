import { createHash } from 'node:crypto'

/**
 * `Gcra` in Redis, on its clock, in microseconds: those of clients differ. The state is "used at", and lives no longer than
 * it says anything. Nothing is written where nothing is granted, so that a flood of refusals is one of reads.
 *
 * KEYS: the limit. ARGV: rate, burst, spent, want, least. Gives granted and remaining as strings: numbers would be cut.
 */
export const gcraScript = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local spent, want, least = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local used, at = 0, now
local state = redis.call('GET', KEYS[1])
if state then
  local u, a = string.match(state, '^([%d.e+-]+) (%d+)$')
  used, at = tonumber(u or ''), tonumber(a or '')
  if not used or not at then return redis.error_reply('NOTALIMIT the key holds something else than a limit') end
end
if now > at then used = math.max(0, used - (now - at) * rate / 1000000) end
used = math.min(burst, math.max(0, used + spent))
local free, granted, slack = burst - used, 0, 1e-9
if free + slack >= want then granted = want
elseif free + slack >= least then granted = least + math.floor(free - least + slack) end
used = math.min(burst, used + granted)
if granted > 0 or spent ~= 0 then
  if used > 0 then
    local ttl = math.min(1e13, math.max(1, math.ceil(used / rate * 1000)))
    redis.call('SET', KEYS[1], string.format('%.17g %.0f', used, now), 'PX', string.format('%.0f', ttl))
  elseif state then
    redis.call('DEL', KEYS[1])
  end
end
return { string.format('%.17g', granted), string.format('%.17g', burst - used) }
`

/** What EVALSHA knows it by. */
export const gcraScriptSha1 = createHash('sha1').update(gcraScript).digest('hex')
