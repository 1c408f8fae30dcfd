import { describe, expect, it } from 'vitest'
import { background } from '../../context/background.js'
import { sleep } from '../../runtime/sleep.js'
import { bubble } from '../../testing/bubble.js'
import { ConnectionReset } from '../faults/fault-error.js'
import { rules } from './rules.js'

const broken = { faults: { rules: [{ abort: 'request', forMs: 1000 }] } } as const
const harmless = { faults: { rules: [] } } as const
const ctx = background()

describe('faults by rules', () => {
  it('begin when they come into force, and end by themselves', () =>
    bubble(function* () {
      const all = rules({ payments: harmless })
      const payments = all.policy('payments', { faults: { enabled: true } })
      expect(yield* payments.run(ctx, () => 'paid')).toBe('paid')
      yield* all.patch({ payments: broken })
      expect(() =>
        payments
          .run(ctx, () => 'paid')
          [Symbol.iterator]()
          .next(),
      ).not.toThrow(TypeError)
      let error: unknown
      try {
        yield* payments.run(ctx, () => 'paid')
      } catch (thrown) {
        error = thrown
      }
      expect(error).toBeInstanceOf(ConnectionReset)
      yield* sleep(1001)
      expect(yield* payments.run(ctx, () => 'paid')).toBe('paid')
    }))

  it('do nothing in a dry run, nor where something else is wrong', () =>
    bubble(function* () {
      const all = rules({})
      const payments = all.policy('payments', { faults: { enabled: true } })
      yield* all.replace({ payments: broken }, { dryRun: true })
      expect(payments.guards).toEqual([])
      const bad = all.replace({ payments: broken, orders: { timeout: { ms: -1 } } })
      let message = ''
      try {
        yield* bad
      } catch (error) {
        message = String(error)
      }
      expect(message).toContain('/orders/timeout/ms')
      expect(yield* payments.run(ctx, () => 'paid')).toBe('paid')
    }))

  it('end at once when they are taken away', () =>
    bubble(function* () {
      const all = rules({ payments: broken })
      const payments = all.policy('payments', { faults: { enabled: true } })
      const [guard] = payments.guards
      expect(guard?.stats()).toMatchObject({ active: 1 })
      yield* all.patch({ payments: null })
      expect(guard?.stats()).toMatchObject({ active: 0 })
      expect(yield* payments.run(ctx, () => 'paid')).toBe('paid')
    }))

  it.each([
    ['code does not enable them', { enabled: false }, 'not enabled'],
    ['code says nothing of them', undefined, 'needs what only code can give'],
  ])('are refused where %s, and the old rules stay', async (_, given, message) => {
    const all = rules({ payments: { timeout: { ms: 100 } } })
    all.policy('payments', given && { faults: given })
    await expect(all.patch({ payments: broken })).rejects.toThrow(message)
    expect(all.document).toEqual({ payments: { timeout: { ms: 100 } } })
  })

  it('are refused for what nobody has asked for: who comes later must not find it broken', async () => {
    const all = rules({})
    await expect(all.patch({ 'GET /orders': broken })).rejects.toThrow('needs what only code can give')
  })

  it('are refused with the path of what is wrong', async () => {
    const all = rules({})
    all.policy('payments', { faults: { enabled: true } })
    const bad = { faults: { rules: [{ latency: { distribution: 'flat' }, forMs: 1000 }] } }
    await expect(all.patch({ payments: bad })).rejects.toThrow('rules[0].latency')
  })
})
