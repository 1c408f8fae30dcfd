import { describe, expect, it } from 'vitest'
import { ResourceTable } from './resource-table.js'

describe('the table of resources', () => {
  const table = new ResourceTable([
    'GET /orders/:id',
    'GET /orders/new',
    'POST /orders',
    '/orders/:order',
    '/files/*',
    'GET /files/:name/raw',
    'HEAD /pages',
    'GET /pages',
    'GET /menu',
    'PUT /café',
    'payments',
    'GET payments',
    'get /lower',
    'GET /a/:b:c',
    'GET /x//y',
    '/deep/:one/end',
    '/deep/:other/:two',
  ])

  it.each([
    ['GET', '/orders/7', 'GET /orders/:id'],
    ['GET', '/orders/new', 'GET /orders/new'],
    ['DELETE', '/orders/7', '/orders/:order'],
    ['POST', '/orders', 'POST /orders'],
    ['GET', '/orders', undefined],
    ['GET', '/orders/', undefined],
    ['GET', '/orders/7/items', undefined],
    ['PUT', '/files/a/b', '/files/*'],
    ['GET', '/files/a/raw', 'GET /files/:name/raw'],
    ['GET', '/files/a/b', '/files/*'],
    ['HEAD', '/pages', 'HEAD /pages'],
    ['HEAD', '/menu', 'GET /menu'],
    ['PUT', '/caf%C3%A9', 'PUT /café'],
    ['GET', '/deep/1/end', '/deep/:one/end'],
    ['GET', '/deep/1/2', '/deep/:other/:two'],
    ['GET', '/%6frders/7', undefined],
    ['OPTIONS', '*', undefined],
    ['GET', 'payments', undefined],
    ['GET', '/lower', undefined],
    ['GET', '/x//y', undefined],
  ])('finds that of %s %s: %s', (method, path, name) => {
    expect(table.find(method, path)).toBe(name)
  })

  it('is made of ten thousand names at once', () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `GET /r${i}/:id`)
    const large = new ResourceTable(names)
    expect(large.find('GET', '/r9999/7')).toBe('GET /r9999/:id')
    expect(large.find('GET', '/r10000/7')).toBe(undefined)
  })
})
