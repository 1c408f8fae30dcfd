import { z } from 'zod'
import { body } from './body-schema.js'
import type { Handler, Middleware } from './handler.js'
import type { HttpRequest } from './request.js'
import { text } from './response.js'
import type { Stack, Validates } from './route-stack.js'
const order = z.object({ item: z.string(), count: z.coerce.number() })
declare function f1<V = unknown>(...m: readonly [...m: readonly Validates<V>[], h: (x: HttpRequest<{}, V>) => void]): void
f1(body(order), (x) => {x.valid.item})
declare function f2<V = unknown>(...m: readonly [...m: readonly Validates<V>[], h: Handler<HttpRequest<{}, V>>]): void
f2(body(order), (x) => {x.valid.item; return text('')})
declare function f3<P extends string, V = unknown>(p: P, ...m: Stack<{p: P}, V>): void
f3('/', body(order), (x) => {x.valid.item; return text('')})
class R { f4<P extends string, V = unknown>(p: P, ...m: Stack<{p: P}, V>): this { return this }
f5<P extends string, V>(p: P, ...m: Stack<{p: P}, V>): this { return this }
 }
new R().f4('/', body(order), (x) => {x.valid.item; return text('')})
new R().f5('/', body(order), (x) => {x.valid.item; return text('')})
