/** What the JavaScript servers of the suite `http` have in common: see README.md. */
import { z } from 'zod'

/** The answer to `GET /`. */
export const greeting = 'hello'

/** The body of `POST /orders/:id`, for all who take a Standard Schema or have no schema language of their own. */
export const orderSchema = z.object({ item: z.string().min(1), quantity: z.int().min(1) })
export type Order = z.infer<typeof orderSchema>

/** The answer to `POST /orders/:id`. */
export function accepted(id: string, { item, quantity }: Order) {
  return { id, item, quantity, total: quantity * 250 }
}

/**
 * Says where the server listens. On SIGUSR2 it collects garbage and says so: its memory is about to be read.
 * A server that listens on the path of a socket would have no port; none does.
 */
export function announce(port: number | undefined): void {
  process.on('SIGUSR2', () => {
    globalThis.gc?.()
    globalThis.gc?.()
    console.log('collected')
  })
  console.log(port)
}
