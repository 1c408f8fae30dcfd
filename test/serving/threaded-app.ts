import { threadId } from 'node:worker_threads'
import { router, text } from 'sluice/http'

/** An app that says which thread answers; one of its routes ends that thread. */
export const app = router()
app.get('/', () => text(String(threadId)))
app.get('/exit', () => process.exit(1))
app.get('/wait', function* (req) {
  yield* req.ctx.done()
  return text('late')
})
