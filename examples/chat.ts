// Chat rooms over WebSocket, with a page for the browser:
//   npx tsx --tsconfig tsconfig.dist.json examples/chat.ts
// Open http://localhost:8080/ in two windows. Ctrl-C says goodbye to everybody; PORT chooses another port.
import { main, type Routine } from 'sluice'
import { html, raw, router, serve, type WebSocketConnection, websocket } from 'sluice/http'

const rooms = new Map<string, Set<WebSocketConnection>>()

function* chat(socket: WebSocketConnection, room: string, name: string): Routine<void> {
  const members = rooms.get(room) ?? new Set()
  rooms.set(room, members.add(socket))
  tell(members, `${name} has come: ${members.size} in ${room}`)
  try {
    // Someone who types faster than others read waits at the network, not in memory.
    for (let m = yield* socket.recv(); m !== undefined; m = yield* socket.recv())
      if (typeof m === 'string') tell(members, `${name}: ${m}`)
  } finally {
    members.delete(socket)
    if (members.size === 0) rooms.delete(room)
    tell(members, `${name} has left`)
  }
}

function tell(members: Iterable<WebSocketConnection>, line: string): void {
  for (const member of members) {
    // Nobody waits for one who does not keep up.
    if (member.isOpen && !member.trySend(line)) member.close(1013, 'you read too slowly')
  }
}

const page = raw(`<!doctype html>
<meta charset="utf-8"><title>sluice chat</title>
<style>body { font: 16px sans-serif; margin: 2em auto; max-width: 40em } pre { white-space: pre-wrap }</style>
<form><input name="line" size="60" autocomplete="off" autofocus placeholder="say something"></form>
<pre></pre>
<script type="module">
  const room = location.hash.slice(1) || 'lobby'
  const name = prompt('Your name?') || 'somebody'
  const lines = document.querySelector('pre')
  const show = (line) => lines.prepend(line + '\\n')
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:'
  const path = '/rooms/' + encodeURIComponent(room) + '?name=' + encodeURIComponent(name)
  const socket = new WebSocket(scheme + '//' + location.host + path)
  socket.onmessage = ({ data }) => show(data)
  socket.onclose = ({ code, reason }) => show('closed: ' + code + ' ' + reason)
  document.forms[0].onsubmit = (event) => {
    event.preventDefault()
    socket.send(event.target.line.value)
    event.target.reset()
  }
</script>`)

const app = router()
app.get('/', () => html(page))
app.get(
  '/rooms/:room',
  websocket((socket, req) => chat(socket, req.params.room, req.query.get('name') ?? 'somebody'), {
    maxMessageBytes: 4096,
  }),
)

main(function* () {
  const server = serve(app, { port: Number(process.env['PORT'] ?? 8080) })
  const { port } = yield* server.listening()
  console.log(`http://localhost:${port}/  (add #name for another room)`)
  yield* server
})
