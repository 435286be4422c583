/** Random messages of a dialect, made from its own definitions: for properties and for the fuzzer. */

import fc from "fast-check"
import type { CompiledDialect } from "../../src/iso8583/dialect.ts"
import type { FieldShape } from "../../src/iso8583/field.ts"

const digits = "0123456789"
const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,-/"
const gbk = "街角商店中国银联交易成功ABC0123 "

function textOf(characters: string, least: number, most: number): fc.Arbitrary<string> {
  const list = [...characters]
  return fc.array(fc.constantFrom(...list), { minLength: least, maxLength: most })
    .map((chosen) => chosen.join(""))
}

/** A value of the shape, as text. Fixed ones have their length, others up to 40 characters. */
export function valueOf(shape: FieldShape): fc.Arbitrary<string> {
  const most = shape.fixed >= 0 ? shape.fixed : Math.min(shape.max, 40)
  const least = shape.fixed >= 0 ? shape.fixed : Math.min(shape.min, most)
  switch (shape.type) {
    case "n":
      return textOf(digits, least, most)
    case "z":
      return textOf(`${digits}=`, least, most)
    case "b":
      return fc.uint8Array({ minLength: least, maxLength: most })
        .map((bytes) => Buffer.from(bytes).toString("hex").toUpperCase())
    case "x+n":
      return fc.tuple(
        fc.constantFrom("C", "D"),
        // An overpunched sign takes no place of its own.
        shape.overpunch
          ? textOf(digits, Math.max(1, least), most)
          : textOf(digits, Math.max(1, least - 1), Math.max(1, most - 1))
      ).map(([sign, number]) => sign + number)
    default:
      // A character of GBK takes up to two bytes.
      return shape.encoding === "gbk"
        ? textOf(gbk, Math.min(least, Math.trunc(most / 2)), Math.trunc(most / 2))
        : textOf(plain, least, most)
  }
}

const chipTags = [
  "9F26",
  "9F27",
  "95",
  "9A",
  "5A",
  "57",
  "DF7F",
  "70.9F10",
  "70.5F20",
  "82",
  "9F02"
]

/** Paths and texts for one field: whole, or by its parts where that is how it is written. */
function fieldOf(field: number, shape: FieldShape): fc.Arbitrary<Record<string, string>> {
  const path = String(field)
  if (shape.type === "b" && shape.composite?.part("9F02") !== undefined) {
    return fc.uniqueArray(fc.constantFrom(...chipTags), { maxLength: 6 }).chain((tags) =>
      fc.tuple(...tags.map(() => fc.uint8Array({ maxLength: 9 }))).map((values) =>
        Object.fromEntries(
          tags.map((tag, index) => [
            `${path}.${tag}`,
            Buffer.from(values[index]!).toString("hex").toUpperCase()
          ])
        )
      )
    )
  }
  const parts = shape.composite === undefined || shape.lenient
    ? []
    : Array.from({ length: 9 }, (_, index) => String(index + 1)).flatMap((id) => {
      const part = shape.composite!.part(id)
      return part === undefined ? [] : [[`${path}.${id}`, part.shape] as const]
    })
  if (parts.length === 0) return valueOf(shape).map((text) => ({ [path]: text }))
  return fc.tuple(...parts.map(([, part]) => valueOf(part))).map((texts) =>
    Object.fromEntries(parts.map(([id], index) => [id, texts[index]!]))
  )
}

interface RandomMessage {
  readonly mti: string
  readonly values: Readonly<Record<string, string>>
}

/** Messages of any type of the dialect: what the type demands, and some fields more. */
export function messageOf(dialect: CompiledDialect): fc.Arbitrary<RandomMessage> {
  const fields = dialect.layout.entries.flatMap((entry, field) =>
    entry === undefined || entry.cases.length > 0 ? [] : [field]
  )
  return fc.constantFrom(...dialect.mandatory.keys()).chain((mti) =>
    fc.uniqueArray(fc.constantFrom(...fields), { maxLength: 12 }).chain((chosen) => {
      const all = [...new Set([...dialect.mandatory.get(mti)!, ...chosen])]
      const shapes = all.map((field) => fieldOf(field, dialect.layout.entries[field]!.shape))
      return fc.tuple(...shapes).map((values) => ({
        mti,
        values: Object.assign({}, ...values) as Record<string, string>
      }))
    })
  )
}
