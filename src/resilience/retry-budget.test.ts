import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { retryBudget } from './retry-budget.js'

describe('retryBudget', () => {
  it('is full at first; a failure takes a token, a success gives a part of one back', () => {
    const budget = retryBudget({ maxTokens: 10, tokenRatio: 0.1 })
    expect(budget.stats()).toEqual({ tokens: 10, maxTokens: 10, allows: true })
    budget.failed()
    expect(budget.tokens).toBe(9)
    budget.succeeded()
    expect(budget.tokens).toBe(9.1)
  })

  it('allows nothing at exactly half of its tokens, and again above', () => {
    const budget = retryBudget({ maxTokens: 10, tokenRatio: 0.001 })
    for (let i = 0; i < 4; i++) budget.failed()
    expect([budget.tokens, budget.allows]).toEqual([6, true])
    budget.failed()
    expect([budget.tokens, budget.allows]).toEqual([5, false])
    budget.succeeded()
    expect([budget.tokens, budget.allows]).toEqual([5.001, true])
  })

  it('loses nothing to fractions: a hundred tenths are ten', () => {
    const budget = retryBudget({ maxTokens: 10 })
    for (let i = 0; i < 10; i++) budget.failed()
    for (let i = 0; i < 50; i++) budget.succeeded()
    expect([budget.tokens, budget.allows]).toEqual([5, false])
    for (let i = 0; i < 50; i++) budget.succeeded()
    expect(budget.tokens).toBe(10)
  })

  it('stays between none and all', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.array(fc.boolean()), (maxTokens, calls) => {
        const budget = retryBudget({ maxTokens, tokenRatio: 0.7 })
        for (const isGood of calls) {
          if (isGood) budget.succeeded()
          else budget.failed()
          expect(budget.tokens).toBeGreaterThanOrEqual(0)
          expect(budget.tokens).toBeLessThanOrEqual(maxTokens)
          expect(budget.allows).toBe(budget.tokens > maxTokens / 2)
        }
      }),
    )
  })

  it('has the same share of its tokens left when there are more or fewer of them', () => {
    const budget = retryBudget({ maxTokens: 10 })
    for (let i = 0; i < 5; i++) budget.failed()
    budget.configure({ maxTokens: 100, tokenRatio: 0.5 })
    expect(budget.stats()).toEqual({ tokens: 50, maxTokens: 100, allows: false })
    budget.succeeded()
    expect([budget.tokens, budget.allows]).toEqual([50.5, true])
    budget.configure({ maxTokens: 7 })
    expect(budget.stats()).toEqual({ tokens: 3.535, maxTokens: 7, allows: true })
    budget.configure({ maxTokens: 7, tokenRatio: 0.001 })
    expect(budget.tokens, 'to the last thousandth').toBe(3.535)
  })

  it.each([
    [{ maxTokens: 0 }, 'maxTokens is a whole number from 1, not 0'],
    [{ maxTokens: 1.5 }, 'maxTokens is a whole number from 1, not 1.5'],
    [{ maxTokens: Infinity }, 'maxTokens is a whole number from 1, not Infinity'],
    [{ tokenRatio: 0 }, 'tokenRatio is what a success gives back, from 0.001, not 0'],
    [{ tokenRatio: Number.NaN }, 'tokenRatio is what a success gives back, from 0.001, not NaN'],
  ])('refuses %o', (options, message) => {
    expect(() => retryBudget(options)).toThrow(message)
    const budget = retryBudget()
    expect(() => budget.configure(options)).toThrow(message)
    expect(budget).toEqual(retryBudget())
  })
})
