import { accepted, announce, greeting, orderSchema } from '../../programs/http-server.js'

/** What is used of Bun's own interface; its types would be one more package. */
declare const Bun: {
  serve(options: {
    port: number
    hostname: string
    routes: Record<string, Record<string, (req: Request & { params: { id: string } }) => unknown>>
  }): { port: number }
}

// Functions, as everybody has: a route that is a Response would be answered without running any of the app.
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  routes: {
    '/': { GET: () => new Response(greeting, { headers: { 'Content-Type': 'text/plain' } }) },
    '/orders/:id': {
      POST: async (req) => {
        const parsed = orderSchema.safeParse(await req.json())
        if (!parsed.success) return new Response(parsed.error.message, { status: 400 })
        return Response.json(accepted(req.params.id, parsed.data))
      },
    },
  },
})
announce(server.port)
