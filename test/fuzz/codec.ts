/**
 * `npm run fuzz -- codec --for 60s [--seed N]`: random and mangled messages through every shipped
 * dialect. Must hold for any bytes: a message or a named fault, never an exception; what is accepted
 * is written again byte for byte; time stays in proportion. What breaks that is written to
 * `test/corpus/iso8583/findings/` and replayed by `test/iso8583/corpus.test.ts` from then on.
 */

import fc from "fast-check"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import type { CompiledDialect } from "../../src/iso8583/dialect.ts"
import { messageOf } from "../iso8583/arbitrary.ts"
import { harm } from "../iso8583/harm.ts"
import { dialect } from "../iso8583/shipped.ts"

const { values: options } = parseArgs({
  options: { for: { type: "string", default: "60s" }, seed: { type: "string" } }
})
const seconds = Number(/^([0-9]+)s?$/.exec(options.for)?.[1] ?? Number.NaN)
if (!Number.isInteger(seconds)) {
  process.stderr.write("usage: npm run fuzz -- codec --for 60s [--seed N]\n")
  process.exit(2)
}
const seed = options.seed === undefined ? Date.now() % 0x7fffffff : Number(options.seed)

const root = join(import.meta.dirname, "../..")
const findings = join(root, "test/corpus/iso8583/findings")
const dialects = readdirSync(join(root, "config/dialects"))
  .map((file) => dialect(file.replace(".yaml", "")))

/** Bodies that are right, to be mangled: random ones of each dialect, and the golden messages. */
function bodiesOf(spoken: CompiledDialect, round: number): ReadonlyArray<Buffer> {
  const made = fc.sample(messageOf(spoken), { numRuns: 50, seed: seed + round })
    .flatMap(({ mti, values }) => {
      const body = spoken.encode(mti, values)
      return body instanceof Uint8Array ? [body] : []
    })
  const file = join(root, "test/golden/iso8583", `${spoken.name}.hex`)
  const golden = readFileSync(file, "utf8").trim().split("\n")
  return [...made, ...golden.map((line) => Buffer.from(line, "hex"))]
}

let state = seed >>> 0
function below(limit: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor(state / 2 ** 32 * limit)
}

/** Bytes that lengths and tags like to break on. */
const telling = [0x00, 0x01, 0x09, 0x0a, 0x1f, 0x20, 0x30, 0x39, 0x7f, 0x80, 0x81, 0x84, 0x9f, 0xff]

function mangled(body: Buffer): Buffer {
  let bytes = Buffer.from(body)
  for (let change = 1 + below(4); change > 0; change--) {
    const at = below(bytes.length + 1)
    switch (below(6)) {
      case 0:
        if (at < bytes.length) bytes[at] = telling[below(telling.length)]!
        break
      case 1:
        if (at < bytes.length) bytes[at]! ^= 1 << below(8)
        break
      case 2:
        bytes = bytes.subarray(0, at)
        break
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(below(at + 1))])
        break
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(3))])
        break
      default:
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from([below(256)]),
          bytes.subarray(at)
        ])
    }
  }
  return bytes.subarray(0, 65_535)
}

function raw(): Buffer {
  return Buffer.from(Array.from({ length: below(120) }, () => below(256)))
}

let tried = 0
let accepted = 0
let found = 0
const end = Date.now() + seconds * 1000
for (let round = 0; Date.now() < end; round++) {
  for (const spoken of dialects) {
    for (const body of bodiesOf(spoken, round)) {
      for (const bytes of [body, mangled(body), mangled(body), mangled(body), raw()]) {
        tried++
        const problem = harm(spoken, bytes)
        if (problem === "accepted") accepted++
        if (problem === "accepted" || problem === undefined) continue
        found++
        mkdirSync(findings, { recursive: true })
        const name = `${spoken.name}-${bytes.toString("hex").slice(0, 12)}-${bytes.length}.json`
        const finding = { dialect: spoken.name, problem, body: bytes.toString("hex") }
        writeFileSync(join(findings, name), `${JSON.stringify(finding, undefined, 2)}\n`)
        process.stdout.write(`${problem}: ${name}\n`)
      }
    }
  }
}
process.stdout.write(
  `${tried} bodies in ${dialects.length} dialects, ${accepted} accepted, ${found} findings; ` +
    `again: npm run fuzz -- codec --for ${seconds}s --seed ${seed}\n`
)
process.exitCode = found === 0 ? 0 : 1
