/**
 * All fields of a dialect, and paths into them. A field may have several shapes: the first case
 * whose condition holds, else its own. Must hold: a condition looks only at the message type and at
 * fields that stand before, so that a message can be read, and written, from left to right.
 */

import type { PartReader } from "./composite.ts"
import type { Condition } from "./condition.ts"
import { type FieldShape, textOf } from "./field.ts"

export interface FieldCase {
  readonly when: Condition
  readonly shape: FieldShape
}

export interface FieldEntry {
  readonly shape: FieldShape
  readonly cases: ReadonlyArray<FieldCase>
  /**
   * When the value is track data that is enciphered in part, and what can still be read of it. The
   * conditions may look at any field; where none holds, the value must be clear track digits.
   */
  readonly enciphered: ReadonlyArray<FieldCase>
  /** False: the dialect only says how fields it does not know are measured. */
  readonly known: boolean
}

export const maxField = 192

export class Layout {
  /** By field number; 0 is not used. */
  readonly entries: ReadonlyArray<FieldEntry | undefined>
  readonly #whole: Array<Access | undefined> = []
  readonly #accesses = new Map<string, Access | undefined>()

  constructor(entries: ReadonlyArray<FieldEntry | undefined>) {
    this.entries = entries
  }

  /** Undefined: the dialect has no such field, or the field no such part. */
  access(path: string): Access | undefined {
    const field = plainField(path)
    if (field > 0) {
      const entry = this.entries[field]
      if (entry === undefined) return undefined
      return this.#whole[field] ??= new Access(entry, field, undefined)
    }
    const known = this.#accesses.get(path)
    if (known !== undefined) return known
    const made = this.#resolve(path)
    // Paths come from configurations and from people; what is asked again and again is few.
    if (this.#accesses.size < 4096) this.#accesses.set(path, made)
    return made
  }

  #resolve(path: string): Access | undefined {
    const match = /^([1-9][0-9]{0,2})(?:\.(.+))?$/.exec(path)
    const field = Number(match?.[1])
    const entry = this.entries[field]
    if (match === null || entry === undefined) return undefined
    const access = new Access(entry, field, match[2])
    return access.exists ? access : undefined
  }
}

/** The number of a path that is a whole field; 0 for every other path. */
export function plainField(path: string): number {
  const size = path.length
  if (size > 3) return 0
  let field = 0
  for (let at = 0; at < size; at++) {
    const digit = path.charCodeAt(at) - 0x30
    if (digit < 0 || digit > 9 || digit + field === 0) return 0
    field = field * 10 + digit
  }
  return field
}

/** Where a field stands in an index, or 0. Halves the index first: most are two dozen fields. */
export function find(index: Int32Array, field: number): number {
  const count = index[0]!
  const middle = 1 + 3 * (count >> 1)
  if (count > 4 && index[middle]! <= field) return findFrom(index, field, middle)
  return findFrom(index, field, 1)
}

function findFrom(index: Int32Array, field: number, from: number): number {
  const last = index[0]! * 3
  for (let at = from; at < last; at += 3) {
    const each = index[at]!
    if (each === field) return at
    if (each > field) return 0
  }
  return 0
}

/** The shape that holds in this message. `base` is the offset of the body within `bytes`. */
export function shapeIn(
  entry: FieldEntry,
  bytes: Uint8Array,
  base: number,
  index: Int32Array,
  mti: number
): FieldShape {
  for (const each of entry.cases) {
    if (each.when(bytes, base, index, mti)) return each.shape
  }
  return enciphered(entry, bytes, base, index, mti) ?? entry.shape
}

/** The shape of a value that is enciphered in part; undefined where it is clear. */
export function enciphered(
  entry: FieldEntry,
  bytes: Uint8Array,
  base: number,
  index: Int32Array,
  mti: number
): FieldShape | undefined {
  for (const each of entry.enciphered) {
    if (each.when(bytes, base, index, mti)) return each.shape
  }
  return undefined
}

/** A path, resolved once, read often. */
export class Access {
  readonly field: number
  /** What follows the field's number; undefined for the whole field. */
  readonly tail: string | undefined
  readonly entry: FieldEntry
  /** The shape outside of any case. */
  readonly shape: FieldShape
  readonly #reader: PartReader | undefined
  readonly #others: ReadonlyMap<FieldShape, PartReader> | undefined
  readonly #clearOnly: boolean

  constructor(entry: FieldEntry, field: number, tail: string | undefined, clearOnly = false) {
    this.field = field
    this.tail = tail
    this.entry = entry
    this.#reader = tail === undefined ? undefined : entry.shape.composite?.part(tail)
    const others = new Map<FieldShape, PartReader>()
    const cases = [...entry.cases, ...entry.enciphered]
    if (tail !== undefined) {
      for (const { shape } of cases) {
        const reader = shape.composite?.part(tail)
        if (reader !== undefined) others.set(shape, reader)
      }
    }
    this.#others = cases.length === 0 ? undefined : others
    this.#clearOnly = clearOnly && entry.enciphered.length > 0
    this.shape = this.#reader?.shape ?? others.values().next().value?.shape ?? entry.shape
  }

  /** The same path, but nothing of a value that is enciphered. */
  get clear(): Access {
    return this.entry.enciphered.length === 0
      ? this
      : new Access(this.entry, this.field, this.tail, true)
  }

  get exists(): boolean {
    return this.tail === undefined || this.#reader !== undefined || (this.#others?.size ?? 0) > 0
  }

  text(bytes: Uint8Array, base: number, index: Int32Array, mti: number): string | undefined {
    const at = find(index, this.field)
    if (at === 0) return undefined
    const start = base + index[at + 1]!
    const end = base + index[at + 2]!
    if (this.#others === undefined) {
      return this.tail === undefined
        ? textOf(this.entry.shape, bytes, start, end)
        : this.#reader!.text(bytes, start, end)
    }
    const { entry } = this
    const clear = this.#clearOnly
    if (clear && enciphered(entry, bytes, base, index, mti) !== undefined) return undefined
    const shape = clear && entry.cases.length === 0
      ? entry.shape
      : shapeIn(entry, bytes, base, index, mti)
    if (this.tail === undefined) return textOf(shape, bytes, start, end)
    return this.#readerFor(shape)?.text(bytes, start, end)
  }

  raw(bytes: Uint8Array, base: number, index: Int32Array, mti: number): Uint8Array | undefined {
    const at = find(index, this.field)
    if (at === 0) return undefined
    const start = base + index[at + 1]!
    const end = base + index[at + 2]!
    if (this.tail === undefined) return bytes.subarray(start, end)
    return this.#readerFor(shapeIn(this.entry, bytes, base, index, mti))?.raw(bytes, start, end)
  }

  #readerFor(shape: FieldShape): PartReader | undefined {
    return shape === this.entry.shape ? this.#reader : this.#others?.get(shape)
  }
}
