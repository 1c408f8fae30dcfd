import { serve } from '@hono/node-server'
import { announce } from '../../programs/http-server.js'
import { app } from './hono-app.js'

serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => announce(port))
