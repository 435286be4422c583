/**
 * What holds for every shipped dialect and every message of it: what is written is read again, what
 * is read is written again byte for byte, and nothing that arrives does harm.
 */

import fc from "fast-check"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { describe as rowsOf } from "../../src/iso8583/describe.ts"
import { documentOf, encodeDocument } from "../../src/iso8583/document.ts"
import { indexCapacity } from "../../src/iso8583/indexer.ts"
import { hasMac } from "../../src/iso8583/mac-place.ts"
import { messageOf } from "./arbitrary.ts"
import { dialect, read } from "./shipped.ts"

const folder = join(import.meta.dirname, "../../config/dialects")
const dialects = readdirSync(folder).map((file) => dialect(file.replace(".yaml", "")))
const runs = { numRuns: 60 }

describe.each(dialects.map((each) => [each.name, each] as const))("%s", (_name, spoken) => {
  const messages = messageOf(spoken)

  function built(mti: string, values: Readonly<Record<string, string>>): Buffer {
    const body = spoken.encode(mti, values)
    if (!(body instanceof Uint8Array)) throw new Error(`${body.path} ${body.problem}`)
    return body
  }

  it("reads what it wrote", () => {
    fc.assert(
      fc.property(messages, ({ mti, values }) => {
        const message = read(spoken, built(mti, values).toString("hex"))
        expect(message.mti).toBe(mti)
        for (const [path, text] of Object.entries(values)) {
          const back = message.text(path)
          const { pad, padLeft } = spoken.layout.access(path)!.shape
          const fill = pad === undefined ? "" : String.fromCharCode(pad)
          // A text shorter than its field comes back padded.
          expect(padLeft ? back : back?.replace(new RegExp(`[${fill}]+$`), "")).toBe(
            padLeft ? text : text.replace(new RegExp(`[${fill}]+$`), "")
          )
        }
      }),
      runs
    )
  })

  it("writes again byte for byte what it read, from a document and by a patch", () => {
    fc.assert(
      fc.property(messages, ({ mti, values }) => {
        const body = built(mti, values)
        const message = read(spoken, body.toString("hex"))
        const document = JSON.parse(JSON.stringify(documentOf(message))) as unknown
        expect(encodeDocument(spoken, document)).toEqual(body)
        if (!hasMac(message)) {
          expect(spoken.patch(message, {})).toEqual(body)
        }
      }),
      runs
    )
  })

  it("gives a message or a named fault for any bytes, and writes again what it accepts", () => {
    const mangled = fc.tuple(
      messages,
      fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 4 }),
      fc.nat(4)
    )
    const out = new Int32Array(indexCapacity)
    let accepted = 0
    fc.assert(
      fc.property(mangled, ([{ mti, values }, changes, cut]) => {
        const body = built(mti, values)
        for (const [at, byte] of changes) body[at % body.length] = byte
        const bytes = body.subarray(0, body.length - Math.min(cut, body.length))
        const count = spoken.index(bytes, 0, bytes.length, out)
        const result = spoken.read(bytes)
        if ("failure" in result) {
          expect(count).toBeLessThan(0)
          expect(result.offset).toBeLessThanOrEqual(bytes.length)
          expect(result.excerpt.length).toBeLessThanOrEqual(8)
          return
        }
        accepted++
        expect(encodeDocument(spoken, JSON.parse(JSON.stringify(documentOf(result)))))
          .toEqual(Buffer.from(bytes))
        rowsOf(result)
      }),
      { numRuns: 250 }
    )
    expect(accepted).toBeGreaterThan(0)
  })

  it("indexes the same within a larger buffer", () => {
    fc.assert(
      fc.property(messages, fc.nat(40), ({ mti, values }, lead) => {
        const body = built(mti, values)
        const batch = Buffer.concat([Buffer.alloc(lead, 0xff), body, Buffer.alloc(9, 0xff)])
        const [one, other] = [new Int32Array(indexCapacity), new Int32Array(indexCapacity)]
        spoken.index(body, 0, body.length, one)
        spoken.index(batch, lead, lead + body.length, other)
        expect(other).toEqual(one)
      }),
      { numRuns: 20 }
    )
  })
})
