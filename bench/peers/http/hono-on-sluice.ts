import { serve } from 'sluice/http'
import { announce } from '../../programs/http-server.js'
import { app } from './hono-app.js'

const server = serve(app.fetch, { port: 0, host: '127.0.0.1' })
const { port } = await server.listening()
announce(port)
