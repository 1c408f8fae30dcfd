/** `idle-connections PORT COUNT`: opens so many connections, does one request on each, says so and keeps them open. */
import { connect } from 'node:net'
import { greeting } from './http-server.js'

const [port, count] = process.argv.slice(2).map(Number)
if (port === undefined || count === undefined) throw new Error('say the port and how many connections')
let opened = 0

/** Ends when the answer is there; the connection stays. */
function openOne(toPort: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: toPort, host: '127.0.0.1' })
    let answer = ''
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      answer += text
      if (answer.endsWith(greeting)) resolve()
    })
    socket.on('error', reject)
    socket.on('close', () => {
      console.error('the server closed a connection')
      process.exit(1)
    })
    socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  })
}

async function openSome(toPort: number, upTo: number): Promise<void> {
  while (opened < upTo) {
    opened++
    await openOne(toPort)
  }
}

// Some at a time: a listen queue is short.
await Promise.all(Array.from({ length: 64 }, () => openSome(port, count)))
console.log('open')
