// The Mandelbrot set as a picture, painted in bands of a few rows on every processor.
//   npx tsx --tsconfig tsconfig.dist.json examples/parallel/mandelbrot.ts --width 1200 --out mandelbrot.png
//   … --procs 1      on so many processors, the main thread's among them
//   … --compare      paints without a file, on one processor and on two
import { accessSync, constants, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { SingleBar } from 'cli-progress'
import { encode } from 'fast-png'
import { main, type Routine } from 'sluice'
import { procs, task } from 'sluice/parallel'
import { compare } from './compare.js'
import { options, refuse, wholeNumber } from './options.js'

interface Band {
  readonly width: number
  readonly height: number
  readonly top: number
  readonly rows: number
}

/** Rows of a band: some milliseconds of work where the set is, a fraction of one elsewhere. */
const rowsPerBand = 4
/** Bands on their way: enough for any number of processors, little memory. */
const window = 64
const mostSteps = 1000
const channels = 3

/** The pixels of a band, three bytes each. It needs nothing but its argument, so any processor can run it. */
export const paint = task(import.meta.url, 'paint', ({ width, height, top, rows }: Band): Uint8Array => {
  const pixels = new Uint8Array(width * rows * channels)
  const scale = 3 / width
  for (let i = 0; i < width * rows; i++) {
    const x = (i % width) * scale - 2.25
    const y = (top + Math.floor(i / width) - height / 2) * scale
    colour(pixels, i * channels, escapeTime(x, y))
  }
  return pixels
})

/** Steps until the orbit of a point leaves for good; `mostSteps` when it has not by then. */
function escapeTime(cx: number, cy: number): number {
  let [x, y, steps] = [0, 0, 0]
  while (steps < mostSteps && x * x + y * y <= 4) {
    const nextX = x * x - y * y + cx
    y = 2 * x * y + cy
    x = nextX
    steps++
  }
  return steps
}

function colour(pixels: Uint8Array, at: number, steps: number): void {
  if (steps === mostSteps) return // the set itself stays black
  const shade = Math.sqrt(steps / mostSteps)
  pixels[at] = 255 * Math.min(1, 3 * shade)
  pixels[at + 1] = 255 * shade
  pixels[at + 2] = 255 * (0.4 + 0.6 * (1 - shade) * shade)
}

function* bands(width: number, height: number): Generator<Band> {
  for (let top = 0; top < height; top += rowsPerBand)
    yield { width, height, top, rows: Math.min(rowsPerBand, height - top) }
}

/** All pixels; the bands come back in order, whichever was painted first. */
function* picture(
  width: number,
  height: number,
  painted: (rows: number) => void = () => {},
): Routine<Uint8Array> {
  const pixels = new Uint8Array(width * height * channels)
  const painting = paint.map(bands(width, height), { window })
  let at = 0
  for (let band = yield* painting.recv(); band !== undefined; band = yield* painting.recv()) {
    pixels.set(band, at)
    at += band.length
    painted(at / (width * channels))
  }
  return pixels
}

/** The picture in a file, with a bar on standard error if that is a terminal. */
function* paintFile(width: number, height: number, out: string): Routine<void> {
  const bar = process.stderr.isTTY
    ? new SingleBar({ format: '{bar} {percentage}% | {value} of {total} rows', clearOnComplete: true })
    : undefined
  bar?.start(height, 0)
  const startedMs = performance.now()
  const data = yield* picture(width, height, (rows) => bar?.update(rows))
  const paintedMs = performance.now() - startedMs
  bar?.stop()
  try {
    writeFileSync(out, encode({ width, height, data, channels }))
  } catch (error) {
    refuse(`mandelbrot: ${error instanceof Error ? error.message : error}`)
  }
  console.log(`${out}: ${width} x ${height}, painted in ${paintedMs.toFixed(0)} ms on ${procs()} processors`)
}

/** Before minutes of painting are lost. */
function checkFolder(file: string): void {
  try {
    accessSync(dirname(file), constants.W_OK)
  } catch {
    refuse(
      `--out ${file}: there is no folder ${dirname(file)} that can be written to; make it, or name another file`,
    )
  }
}

main(function* () {
  const { values } = options({
    width: { type: 'string', default: '1200' },
    out: { type: 'string', default: 'mandelbrot.png' },
    procs: { type: 'string', default: String(procs()) },
    compare: { type: 'boolean', default: false },
  })
  const width = wholeNumber('width', values.width, 1, 20_000)
  const height = Math.ceil((width * 2) / 3)
  procs(wholeNumber('procs', values.procs, 1, 64))
  if (values.compare) yield* compare(() => picture(width, height))
  else {
    checkFolder(values.out)
    yield* paintFile(width, height, values.out)
  }
})
