/**
 * `npm run fuzz -- frame [--frames N] [--seed S]`: every named framing is fed mutated streams, whole
 * and cut at random. Must hold: no throw, the same events however the stream is cut, no more kept
 * than the limit. Ends with a count and the seed; exit 1 names the stream that broke something.
 */

import { parseArgs } from "node:util"
import { framing, framingNames, heard } from "../frame/framings.ts"

const { values } = parseArgs({
  options: {
    frames: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" }
  }
})
const wanted = Number(values.frames)
let state = Number(values.seed) >>> 0 || 1

/** A whole number below `limit`; xorshift32, so that a seed repeats its run anywhere. */
function below(limit: number): number {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return (state >>> 0) % limit
}

const shapes = framingNames.map(framing)
const limit = 300

function stream(shape: (typeof shapes)[number]): Buffer {
  const frames = Array.from({ length: 1 + below(6) }, () => {
    const body = Buffer.alloc(1 + below(280))
    for (let index = 0; index < body.length; index += 1 + below(8)) body[index] = below(256)
    return shape.encode(shape.requestHeader(), body) ?? body
  })
  const bytes = Buffer.concat(frames)
  for (let changes = below(4); changes > 0; changes--) {
    const at = below(bytes.length)
    if (below(4) === 0) bytes.fill(below(256), at, Math.min(at + below(6), bytes.length))
    else bytes[at] = below(256)
  }
  return below(8) === 0 ? bytes.subarray(below(8)) : bytes
}

function pieces(bytes: Buffer): Array<Buffer> {
  const parts: Array<Buffer> = []
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + 1 + below(below(2) === 0 ? 4 : 200))
    parts.push(Buffer.from(bytes.subarray(at, end)))
    at = end
  }
  return parts
}

let frames = 0
let failures = 0
while (frames < wanted) {
  const shape = shapes[below(shapes.length)]!
  const bytes = stream(shape)
  const before = state
  try {
    const whole = heard(shape, [bytes], limit)
    const split = heard(shape, pieces(bytes), limit)
    if (whole.join() !== split.join()) throw new Error("differs when split")
    frames += Math.max(1, whole.length)
    failures += whole.filter((event) => event.startsWith("!")).length
  } catch (cause) {
    process.stdout.write(`${shape.name} state ${before}: ${bytes.toString("hex")}\n${cause}\n`)
    process.exitCode = 1
    break
  }
}
process.stdout.write(`frame: ${frames} events, ${failures} refused streams, seed ${values.seed}\n`)
