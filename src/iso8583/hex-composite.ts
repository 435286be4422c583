/**
 * A layout of bytes inside a value that is sent as hex characters: the layout sees the bytes behind
 * the characters. Must hold: checking allocates nothing; offsets point at the characters.
 */

import { scratchBuffer } from "../domain/scratch.ts"
import { ebcdic037 } from "./character-set.ts"
import type { Composite, Part, PartReader, PartValues } from "./composite.ts"
import type { BuildFault } from "./fault.ts"
import { hexValues } from "./length-prefix.ts"

const ebcdicHexValues = Int8Array.from(
  { length: 256 },
  (_, byte) => hexValues[ebcdic037.toLatin1[byte]!]!
)

/** No message is longer, so no value is. */
const scratch = scratchBuffer(32_768)

export class HexComposite implements Composite {
  readonly guards: boolean
  readonly #inner: Composite
  readonly #values: Int8Array

  constructor(inner: Composite, ebcdic: boolean) {
    this.guards = inner.guards
    this.#inner = inner
    this.#values = ebcdic ? ebcdicHexValues : hexValues
  }

  check(bytes: Uint8Array, start: number, end: number): number {
    const size = this.#decode(bytes, start, end, scratch)
    const bad = size < 0 ? 0 : this.#inner.check(scratch, 0, size)
    return bad < 0 ? -1 : start + 2 * bad
  }

  explain(bytes: Uint8Array, start: number, end: number) {
    const whole = this.#bytes(bytes, start, end)
    if (whole === undefined) return { id: "", offset: start, expected: "hex digits in pairs" }
    const inner = this.#inner.explain(whole, 0, whole.length)
    return inner === undefined ? undefined : { ...inner, offset: start + 2 * inner.offset }
  }

  part(id: string): PartReader | undefined {
    const inner = this.#inner.part(id)
    if (inner === undefined) return undefined
    const within = <T>(
      bytes: Uint8Array,
      start: number,
      end: number,
      read: (whole: Uint8Array) => T
    ): T | undefined => {
      const whole = this.#bytes(bytes, start, end)
      return whole === undefined ? undefined : read(whole)
    }
    return {
      shape: inner.shape,
      text: (bytes, start, end) =>
        within(bytes, start, end, (whole) => inner.text(whole, 0, whole.length)),
      raw: (bytes, start, end) =>
        within(bytes, start, end, (whole) => inner.raw(whole, 0, whole.length))
    }
  }

  parts(bytes: Uint8Array, start: number, end: number): ReadonlyArray<Part> {
    const whole = this.#bytes(bytes, start, end)
    if (whole === undefined) return []
    return this.#inner.parts(whole, 0, whole.length).map((part) => moved(part, start))
  }

  compose(existing: string | Uint8Array | undefined, values: PartValues): string | BuildFault {
    const old = typeof existing === "object"
      ? this.#bytes(existing, 0, existing.length)
      : undefined
    const made = this.#inner.compose(old, values)
    if (typeof made === "string") return Buffer.from(made, "latin1").toString("hex").toUpperCase()
    if (made instanceof Uint8Array) {
      return Buffer.from(made.buffer, made.byteOffset, made.length).toString("hex").toUpperCase()
    }
    return made
  }

  #bytes(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
    const out = new Uint8Array((end - start) >> 1)
    return this.#decode(bytes, start, end, out) < 0 ? undefined : out
  }

  #decode(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
    const values = this.#values
    const size = (end - start) >> 1
    if ((end - start) % 2 !== 0 || size > out.length) return -1
    for (let index = 0; index < size; index++) {
      const high = values[bytes[start + 2 * index]!]!
      const low = values[bytes[start + 2 * index + 1]!]!
      const byte = (high << 4) | low
      if (byte < 0) return -1
      out[index] = byte
    }
    return size
  }
}

/** The part with offsets of the characters. */
function moved(part: Part, start: number): Part {
  return {
    ...part,
    offset: part.offset < 0 ? -1 : start + 2 * part.offset,
    parts: part.parts.map((inner) => moved(inner, start))
  }
}
