/**
 * Values whose parts are found in their text: track 2 data, and the tags of China UnionPay field
 * 59. Must hold: they are read, never judged; a value that does not follow the form has no parts.
 */

import { readField59, valueIn59, writeField59 } from "../qr/field-59.ts"
import type { Composite, Part, PartReader, PartValues } from "./composite.ts"
import type { BuildFault } from "./fault.ts"
import { type FieldShape, textOf } from "./field.ts"

/** How a text falls into parts, and how parts become a text again. */
interface TextForm {
  readonly split: (text: string) => ReadonlyArray<readonly [string, string]>
  /** One part of it, where it can be found without making the others. */
  readonly find?: (text: string, id: string) => string | undefined
  /** `old` is the text they came from, for what of it is in no part. */
  readonly unite: (
    parts: ReadonlyArray<readonly [string, string]>,
    old: string
  ) => string | undefined
  readonly shapeOf: (id: string) => FieldShape | undefined
  /** See {@link Composite.behind}. */
  readonly behind?: (block: number) => TextForm
}

export class TextParts implements Composite {
  /** The whole is what is masked. */
  readonly guards = false
  readonly #form: TextForm
  readonly #whole: () => FieldShape

  constructor(form: TextForm, whole: () => FieldShape) {
    this.#form = form
    this.#whole = whole
  }

  behind(block: number): Composite {
    const form = this.#form.behind?.(block)
    return form === undefined ? this : new TextParts(form, this.#whole)
  }

  check(): number {
    return -1
  }

  explain(): undefined {
    return undefined
  }

  part(id: string): PartReader | undefined {
    const shape = this.#form.shapeOf(id)
    if (shape === undefined) return undefined
    const { find, split } = this.#form
    const findOne = find ?? ((text: string) => split(text).find(([each]) => each === id)?.[1])
    const text = (bytes: Uint8Array, start: number, end: number): string | undefined =>
      findOne(textOf(this.#whole(), bytes, start, end), id)
    return { shape, text, raw: () => undefined }
  }

  parts(bytes: Uint8Array, start: number, end: number): ReadonlyArray<Part> {
    const pairs = this.#form.split(textOf(this.#whole(), bytes, start, end))
    return pairs.flatMap(([id, text]) => {
      const shape = this.#form.shapeOf(id)
      if (shape === undefined) return []
      return [{ id, shape, text, raw: undefined, offset: -1, known: true, parts: [] }]
    })
  }

  compose(existing: string | Uint8Array | undefined, values: PartValues): string | BuildFault {
    const old = existing === undefined
      ? ""
      : typeof existing === "string"
      ? existing
      : textOf(this.#whole(), existing, 0, existing.length)
    const chosen = new Map(this.#form.split(old))
    for (const [id, value] of values) {
      if (this.#form.shapeOf(id) === undefined || value instanceof Uint8Array) {
        return { path: id, problem: "is no part of this field" }
      }
      if (value === undefined) chosen.delete(id)
      else chosen.set(id, value)
    }
    return this.#form.unite([...chosen], old) ?? { path: "", problem: "its parts make no value" }
  }
}

const trackForm = /^([0-9]{8,19})[=D]([0-9]{4})([0-9]{3})?([0-9=D]*)$/
const trackIds = ["pan", "expiry", "service", "discretionary"] as const

/**
 * `6235012=26112201234`: card number, expiry YYMM, service code, discretionary data. Of a track
 * that is enciphered in part, `block` bytes, only a card number that stands ahead of the block.
 */
export function trackForm2(
  shapeOf: (id: string) => FieldShape | undefined,
  block = 0
): TextForm {
  return {
    split: (text) => {
      const match = block > 0 ? null : trackForm.exec(text)
      if (match === null) {
        const pan = /^([0-9]{8,19})[=D]/.exec(text)?.[1]
        const clear = block > 0 ? 2 * (((text.length + 1) >> 1) - 1 - block) : text.length
        return pan === undefined || pan.length >= clear ? [] : [["pan", pan]]
      }
      return trackIds.flatMap((id, index) => {
        const value = match[index + 1]
        return value === undefined || value === "" ? [] : [[id, value] as const]
      })
    },
    unite: (parts) => {
      const chosen = new Map(parts)
      const pan = chosen.get("pan")
      const expiry = chosen.get("expiry")
      if (pan === undefined || expiry === undefined) return undefined
      return `${pan}=${expiry}${chosen.get("service") ?? ""}${chosen.get("discretionary") ?? ""}`
    },
    shapeOf,
    behind: (bytes) => trackForm2(shapeOf, bytes)
  }
}

/** A3 pay code, A4 voucher, A2 terminal, EF.. texts; equal tags count up: `A3#2`. */
export function field59Form(shapeOf: (id: string) => FieldShape | undefined): TextForm {
  return {
    split: (text) => {
      const seen = new Map<string, number>()
      return readField59(text).entries.map(({ tag, value }) => {
        const count = (seen.get(tag) ?? 0) + 1
        seen.set(tag, count)
        return [count === 1 ? tag : `${tag}#${count}`, value] as const
      })
    },
    find: (text, id) => {
      const mark = id.indexOf("#")
      return mark < 0
        ? valueIn59(text, id)
        : valueIn59(text, id.slice(0, mark), Number(id.slice(mark + 1)))
    },
    unite: (parts, old) =>
      writeField59(parts.map(([id, value]) => ({ tag: id.split("#")[0]!, value }))) +
      readField59(old).rest,
    shapeOf
  }
}
