import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Linked, WaitList } from './wait-list.js'

class Node implements Linked {
  before: Linked | undefined = undefined
  after: Linked | undefined = undefined
}

const step = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constant('push'), fc.constant(0)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('shift'), fc.constant(0)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('remove'), fc.nat(10)) },
)

describe('WaitList', () => {
  it('does what an array does, removal from the middle included', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const list = new WaitList<Node>()
        const nodes: Node[] = []
        for (const [name, n] of steps) {
          if (name === 'push') nodes.push(pushed(list))
          else if (name === 'shift') expect(list.shift()).toBe(nodes.shift())
          else for (const node of nodes.splice(n, 1)) expect(list.remove(node)).toBe(true)
          expect([...list].map((node) => nodes.indexOf(node))).toEqual(nodes.map((_, i) => i))
          expect(list.isEmpty).toBe(nodes.length === 0)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('says of a node that has left that it is not there', () => {
    const list = new WaitList<Node>()
    const [first, middle, last] = [pushed(list), pushed(list), pushed(list)]
    expect(list.shift()).toBe(first)
    expect(list.remove(middle)).toBe(true)
    expect([list.remove(first), list.remove(middle), list.remove(new Node())]).toEqual([false, false, false])
    expect([...list]).toEqual([last])
  })

  it('takes a node again that has left', () => {
    const list = new WaitList<Node>()
    const [first, last] = [pushed(list), pushed(list)]
    list.remove(first)
    list.push(first)
    expect(list.shift()).toBe(last)
    expect(list.shift()).toBe(first)
    expect(list.shift()).toBeUndefined()
  })
})

function pushed(list: WaitList<Node>): Node {
  const node = new Node()
  list.push(node)
  return node
}
