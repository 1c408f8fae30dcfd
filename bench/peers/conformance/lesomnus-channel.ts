import { Chan, ClosedError, type Channel, recv, select, send } from '@lesomnus/channel'
import type { Received, Subject, SubjectChan } from '../../../test/conformance/subject.js'

const channels = new WeakMap<SubjectChan, Channel<unknown>>()

function subjectChan(capacity: number): SubjectChan {
  const ch = new Chan<unknown>(capacity)
  const wrapper: SubjectChan = {
    send: (value) => ch.send(value),
    recv: async () => {
      try {
        return { value: await ch.recv(), done: false }
      } catch (error) {
        if (error instanceof ClosedError) return { value: undefined, done: true }
        throw error
      }
    },
    close: () => ch.close(),
    length: () => ch.length,
  }
  channels.set(wrapper, ch)
  return wrapper
}

function find(wrapper: SubjectChan): Channel<unknown> {
  const ch = channels.get(wrapper)
  if (ch === undefined) throw new Error('not a channel of this subject')
  return ch
}

export const subject: Subject = {
  name: '@lesomnus/channel',
  kinds: { rendezvous: true, bounded: true },
  chan: subjectChan,
  select: async (cases) => {
    let chosen: { index: number; received?: Received } | undefined
    const operations = cases.map((each, index) =>
      'recv' in each
        ? recv(find(each.recv), ((ok: boolean, value: unknown) => {
            chosen = { index, received: { value: ok ? value : undefined, done: !ok } }
          }) as never)
        : send(find(each.send), each.value, () => {
            chosen = { index }
          }),
    )
    await select(operations)
    if (chosen === undefined) throw new Error('select ended without a case')
    return chosen
  },
}
