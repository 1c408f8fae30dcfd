/** `idle-clients PORT COUNT`: opens so many connections, has one request answered on each, prints `open` and keeps them. */
import { once } from 'node:events'
import { connect } from 'node:net'

const [port = 0, count = 0] = process.argv.slice(2).map(Number)
let opened = 0

async function openSome(): Promise<void> {
  while (opened < count) {
    opened++
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('close', () => {
      console.error('the server closed a connection')
      process.exit(1)
    })
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(socket, 'data')
  }
}

// Some at a time: a listen queue is short.
await Promise.all(Array.from({ length: 64 }, openSome))
console.log('open')
