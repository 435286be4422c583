/**
 * Parts that follow each other without tags.
 *
 *     packed digits   60 = 22 000105 000 6 0 1     parts begin on any digit
 *     bytes           63 = "CUP" text 20 text 20   each part has its own encoding and length
 *
 * Must hold: with `short`, parts may be missing from the right; one is there whole or not at all.
 */

import {
  type Composite,
  firstStep,
  type Part,
  type PartReader,
  type PartValues
} from "./composite.ts"
import { measure } from "./conformity.ts"
import type { BuildFault } from "./fault.ts"
import { digitsOf } from "./field-size.ts"
import { type FieldShape, textOf } from "./field.ts"
import { isGuarded } from "./mask.ts"
import { byHead, endOf, partBytes } from "./part-changes.ts"
import { partAt, partReader, place } from "./part-place.ts"

/** Parts of packed digits, cut from their text. */
export class DigitParts implements Composite {
  readonly guards: boolean
  readonly #shapes: ReadonlyArray<FieldShape>
  readonly #ids: ReadonlyArray<string>
  /** Offset in digits of each part, and the end of the last. */
  readonly #bounds: ReadonlyArray<number>
  readonly #short: boolean
  readonly #whole: () => FieldShape

  constructor(
    ids: ReadonlyArray<string>,
    shapes: ReadonlyArray<FieldShape>,
    short: boolean,
    whole: () => FieldShape
  ) {
    this.guards = shapes.some(isGuarded)
    this.#ids = ids
    this.#shapes = shapes
    this.#short = short
    this.#whole = whole
    const bounds = [0]
    for (const shape of shapes) bounds.push(bounds.at(-1)! + shape.fixed)
    this.#bounds = bounds
  }

  check(bytes: Uint8Array, start: number, end: number): number {
    const digits = digitsOf(this.#whole(), bytes, start, end)
    const whole = this.#bounds.at(-1)!
    return digits === whole || this.#short && this.#bounds.includes(digits) ? -1 : start
  }

  explain(bytes: Uint8Array, start: number, end: number) {
    if (this.check(bytes, start, end) < 0) return undefined
    const digits = digitsOf(this.#whole(), bytes, start, end)
    const index = this.#bounds.findIndex((bound) => bound > digits)
    const ends = this.#short ? this.#bounds.slice(1).join(", ") : String(this.#bounds.at(-1))
    return {
      id: this.#ids[Math.max(0, index - 1)] ?? "",
      offset: start,
      expected: `a length of ${ends} digits, not ${digits}`
    }
  }

  part(id: string): PartReader | undefined {
    const index = this.#ids.indexOf(id)
    if (index < 0) return undefined
    const from = this.#bounds[index]!
    const to = this.#bounds[index + 1]!
    const whole = this.#whole
    const text = (bytes: Uint8Array, start: number, end: number): string | undefined => {
      const value = textOf(whole(), bytes, start, end)
      return value.length >= to ? value.slice(from, to) : undefined
    }
    const raw = (bytes: Uint8Array, start: number, end: number): Uint8Array | undefined =>
      from % 2 === 0 && to % 2 === 0 && digitsOf(whole(), bytes, start, end) >= to
        ? bytes.subarray(start + from / 2, start + to / 2)
        : undefined
    return { shape: this.#shapes[index]!, text, raw }
  }

  parts(bytes: Uint8Array, start: number, end: number): ReadonlyArray<Part> {
    const value = textOf(this.#whole(), bytes, start, end)
    const found: Array<Part> = []
    this.#ids.forEach((id, index) => {
      const from = this.#bounds[index]!
      const to = this.#bounds[index + 1]!
      if (value.length < to) return
      found.push({
        id,
        shape: this.#shapes[index]!,
        text: value.slice(from, to),
        raw: undefined,
        offset: from % 2 === 0 ? start + from / 2 : -1,
        known: true,
        parts: []
      })
    })
    return found
  }

  compose(existing: string | Uint8Array | undefined, values: PartValues): string | BuildFault {
    const whole = typeof existing === "string" ? existing : ""
    let last = this.#bounds.findLastIndex((bound) => bound <= whole.length) - 1
    const texts = this.#shapes.map((shape, index) =>
      whole.slice(this.#bounds[index]!, this.#bounds[index + 1]!).padEnd(shape.fixed, "0")
    )
    for (const [id, value] of values) {
      const index = this.#ids.indexOf(id)
      if (index < 0) return { path: id, problem: "is no part of this field" }
      if (value === undefined) continue
      const size = this.#shapes[index]!.fixed
      if (typeof value !== "string" || !/^[0-9]*$/.test(value) || value.length > size) {
        return { path: id, problem: `must be up to ${size} digits` }
      }
      texts[index] = value.padStart(size, "0")
      last = Math.max(last, index)
    }
    if (!this.#short) last = this.#shapes.length - 1
    return texts.slice(0, last + 1).join("") + whole.slice(this.#bounds[last + 1])
  }
}

/** Parts of bytes, each a field of its own. */
export class ByteParts implements Composite {
  readonly guards: boolean
  readonly #shapes: ReadonlyArray<FieldShape>
  readonly #ids: ReadonlyArray<string>
  readonly #short: boolean

  constructor(ids: ReadonlyArray<string>, shapes: ReadonlyArray<FieldShape>, short: boolean) {
    this.guards = shapes.some(isGuarded)
    this.#ids = ids
    this.#shapes = shapes
    this.#short = short
  }

  check(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    for (const shape of this.#shapes) {
      if (at === end && (this.#short || shape.rest)) return -1
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

  explain(bytes: Uint8Array, start: number, end: number) {
    let at = start
    for (const [index, shape] of this.#shapes.entries()) {
      const id = this.#ids[index]!
      if (at === end && (this.#short || shape.rest)) return undefined
      const next = measure(shape, bytes, at, end)
      if (next < 0) return { id, offset: -1 - next, expected: `a whole ${shape.name}` }
      if (shape.composite !== undefined && !shape.lenient) {
        const inside = shape.composite.explain(bytes, at + shape.prefixBytes, next)
        if (inside !== undefined) return { ...inside, id: `${id}.${inside.id}` }
      }
      at = next
    }
    return at === end ? undefined : { id: "", offset: at, expected: "nothing more in this field" }
  }

  part(id: string): PartReader | undefined {
    const [head, tail] = firstStep(id)
    const index = this.#ids.indexOf(head)
    const shape = this.#shapes[index]
    if (shape === undefined) return undefined
    const inner = tail === undefined ? undefined : shape.composite?.part(tail)
    if (tail !== undefined && inner === undefined) return undefined
    return partReader(shape, inner, (bytes, start, end) => {
      let at = start
      for (let before = 0; before < index; before++) {
        at = measure(this.#shapes[before]!, bytes, at, end)
        if (at < 0) return -1
      }
      if (at === end && shape.fixed !== 0 && (this.#short || shape.rest)) return -1
      place.end = measure(shape, bytes, at, end)
      return place.end < 0 ? -1 : at + shape.prefixBytes
    })
  }

  parts(bytes: Uint8Array, start: number, end: number): ReadonlyArray<Part> {
    const found: Array<Part> = []
    let at = start
    for (const [index, shape] of this.#shapes.entries()) {
      if (at >= end && (this.#short || shape.rest)) break
      const next = measure(shape, bytes, at, end)
      if (next < 0) break
      const from = at + shape.prefixBytes
      found.push(partAt(this.#ids[index]!, { shape, known: true }, bytes, from, next))
      at = next
    }
    return found
  }

  compose(existing: string | Uint8Array | undefined, values: PartValues): Uint8Array | BuildFault {
    const old = typeof existing === "object" ? existing : new Uint8Array(0)
    const kept = this.parts(old, 0, old.length)
    const changes = byHead(values)
    for (const id of changes.keys()) {
      if (!this.#ids.includes(id)) return { path: id, problem: "is no part of this field" }
    }
    const last = this.#short
      ? Math.max(kept.length - 1, this.#ids.findLastIndex((id) => changes.has(id)))
      : this.#ids.length - 1
    const pieces: Array<Uint8Array> = []
    for (const [index, shape] of this.#shapes.slice(0, last + 1).entries()) {
      const id = this.#ids[index]!
      const part = kept[index]
      const change = changes.get(id) ?? (part === undefined ? emptyOf(shape) : undefined)
      const made = partBytes(id, shape, change, old, part)
      if (!(made instanceof Uint8Array)) return made
      pieces.push(made)
    }
    // What follows no part stays, unless a part takes its place.
    const end = kept.length === 0 ? 0 : endOf(kept.at(-1)!)
    return Buffer.concat(last < kept.length ? [...pieces, old.subarray(end)] : pieces)
  }
}

/** What stands for a part that nobody gave: as little as its length allows. */
function emptyOf(shape: FieldShape): string {
  if (shape.fixed < 0) return ""
  return shape.encoding === "binary" ? "00".repeat(shape.fixed) : ""
}
