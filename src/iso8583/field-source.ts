/**
 * A field's definition in a dialect file, checked and made a shape. Definitions build on named
 * shapes (`is: ll-bcd`), whose keys they may replace. Every mistake is reported with its path.
 */

import { compositeFrom, compositeKeys } from "./composite-source.ts"
import { countsOf } from "./conformity.ts"
import { type Encoding, encodings, FieldShape, type FieldType, fieldTypes } from "./field.ts"
import { prefixLimit } from "./length-prefix.ts"
import { masks } from "./mask.ts"
import { prefixFrom } from "./prefix-source.ts"
import { join, own, type Source, type SourceReader } from "./source-reader.ts"

const ownKeys = [
  "is",
  "name",
  "type",
  "encoding",
  "length",
  "min",
  "max",
  "prefix",
  "rest",
  "align",
  "fill",
  "pad",
  "overpunch",
  "unchecked",
  "mask",
  "neverStored",
  "lenient"
] as const
const knownKeys: ReadonlySet<string> = new Set([
  ...ownKeys,
  ...compositeKeys,
  "cases",
  "enciphered"
])
const padKeys: ReadonlySet<string> = new Set(["side", "with"])

/** Longest value any field may declare: six digits of length. */
const longest = 999_999

/** What definitions are read with: faults, and the shapes they may build on. */
export interface FieldContext {
  readonly reader: SourceReader
  readonly shapes: Source
  /** Reads the fields inside of a field. */
  readonly field: (
    context: FieldContext,
    value: unknown,
    path: string,
    fieldPath: string,
    inherit: Source
  ) => FieldShape
}

/** The definition with everything it builds on folded in; `seen` stops a circle. */
export function resolve(
  context: FieldContext,
  value: unknown,
  path: string,
  seen: ReadonlyArray<string> = []
): Source {
  const { reader, shapes } = context
  const source = reader.record(value, path)
  reader.known(source, knownKeys, path)
  const base = reader.text(source, "is", path)
  if (base === undefined) return source
  if (seen.includes(base) || !Object.hasOwn(shapes, base)) {
    reader.fault(join(path, "is"), seen.includes(base) ? "builds on itself" : "names no shape")
    return source
  }
  return { ...resolve(context, shapes[base], `shapes.${base}`, [...seen, base]), ...source }
}

/**
 * `inherit` gives encoding and the like to parts of a field that leave them out.
 */
export function fieldFrom(
  context: FieldContext,
  value: unknown,
  path: string,
  fieldPath: string,
  inherit: Source
): FieldShape {
  const { reader } = context
  const source = { ...inherit, ...resolve(context, value, path) }
  const type = reader.oneOf(source, "type", path, fieldTypes) ?? "ans"
  if (own(source, "type") === undefined) reader.fault(join(path, "type"), "is missing")
  const encoding = reader.oneOf(source, "encoding", path, encodings) ??
    (type === "b" ? "binary" : "ascii")
  for (const key of ["cases", "enciphered"]) {
    if (own(source, key) !== undefined) reader.fault(join(path, key), "is for whole fields alone")
  }
  const prefixed = own(source, "prefix")
  const prefix = prefixed === undefined
    ? undefined
    : prefixFrom(reader, prefixed, join(path, "prefix"))
  const fixed = reader.integer(source, "length", path, 0, longest) ?? -1
  const rest = reader.flag(source, "rest", path)
  const max = fixed >= 0 ? fixed : reader.integer(source, "max", path, 0, longest) ?? longest
  const shape = new FieldShape({
    path: fieldPath,
    name: reader.text(source, "name", path) ?? `field ${fieldPath}`,
    type,
    encoding,
    fixed,
    min: fixed >= 0 ? fixed : reader.integer(source, "min", path, 0, max) ?? 0,
    max,
    prefix,
    rest,
    fillLeft: (reader.oneOf(source, "align", path, ["left", "right"]) ??
      (fixed >= 0 ? "right" : "left")) === "right",
    fill: reader.integer(source, "fill", path, 0, 15) ?? 0,
    ...padFrom(context, source, path, type),
    overpunch: reader.flag(source, "overpunch", path),
    unchecked: reader.flag(source, "unchecked", path),
    mask: reader.oneOf(source, "mask", path, masks) ?? "none",
    neverStored: reader.flag(source, "neverStored", path),
    lenient: reader.flag(source, "lenient", path),
    composite: undefined
  })
  shape.composite = compositeFrom(context, source, path, shape)
  checkShape(context, source, path, shape)
  return shape
}

function padFrom(
  context: FieldContext,
  source: Source,
  path: string,
  type: FieldType
): { readonly padLeft: boolean; readonly pad: number | undefined } {
  const { reader } = context
  const numeric = type === "n" || type === "x+n"
  const value = own(source, "pad")
  const natural = type === "b" || type === "z" ? undefined : numeric ? 0x30 : 0x20
  if (value === undefined) return { padLeft: numeric, pad: natural }
  if (value === false) return { padLeft: numeric, pad: undefined }
  const at = join(path, "pad")
  const map = reader.record(value, at)
  reader.known(map, padKeys, at)
  const side = reader.oneOf(map, "side", at, ["left", "right"]) ?? (numeric ? "left" : "right")
  const padWith = own(map, "with")
  const code = typeof padWith === "string" && padWith.length === 1
    ? padWith.charCodeAt(0)
    : typeof padWith === "number" && Number.isInteger(padWith) && padWith >= 0 && padWith <= 255
    ? padWith
    : undefined
  if (code === undefined) reader.fault(join(at, "with"), "must be one character, or a byte 0-255")
  return { padLeft: side === "left", pad: code ?? natural }
}

const byteEncodings: ReadonlySet<Encoding> = new Set(["binary", "hex", "ebcdic-hex"])

function checkShape(context: FieldContext, source: Source, path: string, shape: FieldShape): void {
  const { reader } = context
  const { encoding, fixed, prefix, rest, type } = shape
  const ways = (fixed >= 0 ? 1 : 0) + (prefix === undefined ? 0 : 1) + (rest ? 1 : 0)
  if (ways === 0) reader.fault(path, "needs a length, a prefix or rest")
  if (ways > 1) reader.fault(path, "may have only one of length, prefix and rest")
  if (prefix !== undefined && own(source, "max") === undefined) {
    reader.fault(join(path, "max"), "is missing")
  }
  const idle = (keys: ReadonlyArray<string>, problem: string): void => {
    for (const key of keys) {
      if (own(source, key) !== undefined) reader.fault(join(path, key), problem)
    }
  }
  if (encoding !== "bcd") idle(["align", "fill"], `says nothing to ${encoding}`)
  if (fixed >= 0) idle(["min", "max"], "says nothing beside length")
  if (byteEncodings.has(encoding) !== (type === "b")) {
    reader.fault(join(path, "encoding"), `${encoding} does not go with type ${type}`)
  }
  if (encoding === "gbk" && !["a", "an", "ans"].includes(type)) {
    reader.fault(join(path, "encoding"), `gbk does not go with type ${type}`)
  }
  if (encoding === "bcd" && !["n", "z", "x+n"].includes(type)) {
    reader.fault(join(path, "encoding"), `bcd does not go with type ${type}`)
  }
  if (fixed >= 0 && !canPad(shape)) {
    reader.fault(join(path, "pad"), "would make a value that the field refuses")
  }
  const counts = prefix?.counts ?? "digits"
  if (encoding === "bcd" && type === "x+n" && counts !== "digits" && counts !== "bytes") {
    reader.fault(join(path, "prefix.counts"), "must be digits or bytes: a sign is a whole byte")
  }
  if (type === "x+n" && shape.fill !== 0) {
    reader.fault(join(path, "fill"), "must be 0 in a signed number")
  }
  if (shape.overpunch && (encoding === "bcd" || type !== "x+n")) {
    reader.fault(join(path, "overpunch"), "needs type x+n, and a character for every digit")
  }
  if (prefix !== undefined && countsOf(shape).most > prefixLimit(prefix)) {
    reader.fault(join(path, "max"), "is more than its length prefix can say")
  }
}

/** May the fill stand in the value? */
function canPad({ encoding, pad, padLeft, type, unchecked }: FieldShape): boolean {
  if (pad === undefined || unchecked) return true
  const character = encoding === "bcd"
    ? "0123456789ABC=EF"[pad & 0x0f]!
    : String.fromCharCode(pad)
  if (type === "n") return /[0-9]/.test(character)
  if (type === "z") return /[0-9=D]/.test(character)
  if (type === "x+n") return /[0-9]/.test(character) && padLeft
  // A byte above ASCII would make a pair with its neighbour.
  if (encoding === "gbk") return pad < 0x80
  return byteEncodings.has(encoding) && encoding !== "binary" ? /[0-9A-F]/.test(character) : true
}
