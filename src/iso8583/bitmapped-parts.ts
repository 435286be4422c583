/**
 * A value that begins with a bitmap of its own, which says which of its parts follow.
 *
 *     [ bitmap of 1 to 8 bytes, or its hex ][ part ][ part ] ...      bit 1 = part 1
 *
 * Must hold: a bit for a part that the dialect lacks is refused, since nobody knows its length; the
 * value ends where its last part does.
 */

import {
  type Composite,
  firstStep,
  type Part,
  type PartReader,
  type PartValues,
  type StructureFault
} from "./composite.ts"
import { measure } from "./conformity.ts"
import type { BuildFault } from "./fault.ts"
import type { FieldShape } from "./field.ts"
import { hexValues } from "./length-prefix.ts"
import { isGuarded } from "./mask.ts"
import { byHead, type Change, endOf, partBytes } from "./part-changes.ts"
import { partAt, partReader, place } from "./part-place.ts"

interface InnerBitmap {
  readonly bits: number
  readonly hex: boolean
}

export class BitmappedParts implements Composite {
  readonly guards: boolean
  readonly #bitmap: InnerBitmap
  /** By bit; 0 is not used. */
  readonly #shapes: ReadonlyArray<FieldShape | undefined>

  constructor(bitmap: InnerBitmap, shapes: ReadonlyArray<FieldShape | undefined>) {
    this.guards = shapes.some((shape) => shape !== undefined && isGuarded(shape))
    this.#bitmap = bitmap
    this.#shapes = shapes
  }

  get #size(): number {
    return this.#bitmap.hex ? this.#bitmap.bits / 4 : this.#bitmap.bits / 8
  }

  #has(bytes: Uint8Array, start: number, bit: number): boolean {
    if (!this.#bitmap.hex) {
      return (bytes[start + ((bit - 1) >> 3)]! & (0x80 >> ((bit - 1) & 7))) !== 0
    }
    return (hexValues[bytes[start + ((bit - 1) >> 2)]!]! & (8 >> ((bit - 1) & 3))) !== 0
  }

  check(bytes: Uint8Array, start: number, end: number): number {
    let at = start + this.#size
    if (at > end) return start
    for (let byte = start; this.#bitmap.hex && byte < at; byte++) {
      if (hexValues[bytes[byte]!]! < 0) return byte
    }
    for (let bit = 1; bit <= this.#bitmap.bits; bit++) {
      if (!this.#has(bytes, start, bit)) continue
      const shape = this.#shapes[bit]
      if (shape === undefined) return start
      const next = measure(shape, bytes, at, end)
      if (next < 0) return -1 - next
      if (shape.composite !== undefined && !shape.lenient) {
        const inside = shape.composite.check(bytes, at + shape.prefixBytes, next)
        if (inside >= 0) return inside
      }
      at = next
    }
    return at === end ? -1 : at
  }

  explain(bytes: Uint8Array, start: number, end: number): StructureFault | undefined {
    let at = start + this.#size
    if (at > end) return { id: "", offset: start, expected: `a bitmap of ${this.#size} bytes` }
    for (let byte = start; this.#bitmap.hex && byte < at; byte++) {
      if (hexValues[bytes[byte]!]! < 0) {
        return { id: "", offset: byte, expected: "hex characters" }
      }
    }
    for (let bit = 1; bit <= this.#bitmap.bits; bit++) {
      if (!this.#has(bytes, start, bit)) continue
      const shape = this.#shapes[bit]
      const id = String(bit)
      if (shape === undefined) return { id, offset: start, expected: "no such part" }
      const next = measure(shape, bytes, at, end)
      if (next < 0) return { id, offset: -1 - next, expected: `a whole ${shape.name}` }
      const inside = shape.lenient
        ? undefined
        : shape.composite?.explain(bytes, at + shape.prefixBytes, next)
      if (inside !== undefined) return { ...inside, id: `${id}.${inside.id}` }
      at = next
    }
    return at === end ? undefined : { id: "", offset: at, expected: "nothing more in this field" }
  }

  part(id: string): PartReader | undefined {
    const [head, tail] = firstStep(id)
    const wanted = Number(head)
    const shape = this.#shapes[wanted]
    if (shape === undefined || !/^[1-9][0-9]?$/.test(head)) return undefined
    const inner = tail === undefined ? undefined : shape.composite?.part(tail)
    if (tail !== undefined && inner === undefined) return undefined
    return partReader(shape, inner, (bytes, start, end) => {
      let at = start + this.#size
      if (at > end || !this.#has(bytes, start, wanted)) return -1
      for (let bit = 1; bit <= wanted; bit++) {
        if (!this.#has(bytes, start, bit)) continue
        const each = this.#shapes[bit]
        const next = each === undefined ? -1 : measure(each, bytes, at, end)
        if (next < 0) return -1
        if (bit === wanted) {
          place.end = next
          return at + each!.prefixBytes
        }
        at = next
      }
      return -1
    })
  }

  parts(bytes: Uint8Array, start: number, end: number): ReadonlyArray<Part> {
    const found: Array<Part> = []
    let at = start + this.#size
    for (let bit = 1; bit <= this.#bitmap.bits && at <= end; bit++) {
      if (!this.#has(bytes, start, bit)) continue
      const shape = this.#shapes[bit]
      const next = shape === undefined ? -1 : measure(shape, bytes, at, end)
      if (shape === undefined || next < 0) break
      const known = { shape, known: true }
      found.push(partAt(String(bit), known, bytes, at + shape.prefixBytes, next))
      at = next
    }
    return found
  }

  compose(existing: string | Uint8Array | undefined, values: PartValues): Uint8Array | BuildFault {
    const old = typeof existing === "object" ? existing : new Uint8Array(0)
    const kept = new Map(this.parts(old, 0, old.length).map((part) => [Number(part.id), part]))
    const last = [...kept.values()].at(-1)
    if (old.length > 0 && old.length !== (last === undefined ? this.#size : endOf(last))) {
      return { path: "", problem: "does not follow its layout" }
    }
    const changes = new Map<number, Change>()
    for (const [id, change] of byHead(values)) {
      const bit = Number(id)
      if (this.#shapes[bit] === undefined) return { path: id, problem: "is no part of this field" }
      changes.set(bit, change)
    }
    const map = new Uint8Array(this.#bitmap.bits / 8)
    const pieces: Array<Uint8Array> = []
    for (const bit of [...new Set([...kept.keys(), ...changes.keys()])].sort((a, b) => a - b)) {
      const shape = this.#shapes[bit]!
      const made = partBytes(String(bit), shape, changes.get(bit), old, kept.get(bit))
      if (!(made instanceof Uint8Array)) return made
      map[(bit - 1) >> 3]! |= 0x80 >> ((bit - 1) & 7)
      pieces.push(made)
    }
    const head = this.#bitmap.hex
      ? Buffer.from(Buffer.from(map).toString("hex").toUpperCase(), "latin1")
      : map
    return Buffer.concat([head, ...pieces])
  }
}
