/** The layout of a field with parts, as a dialect file declares it. */

import { BerTlv } from "./ber-tlv.ts"
import { BitmappedParts } from "./bitmapped-parts.ts"
import type { Composite } from "./composite.ts"
import { emvTags } from "./emv-tags.ts"
import { isHex } from "./field-size.ts"
import type { FieldContext } from "./field-source.ts"
import { FieldShape } from "./field.ts"
import { HexComposite } from "./hex-composite.ts"
import { ByteParts, DigitParts } from "./positional.ts"
import { prefixFrom } from "./prefix-source.ts"
import { join, own, type Source, type SourceReader } from "./source-reader.ts"
import { tagEncodings, TagParts } from "./tag-parts.ts"
import { field59Form, TextParts, trackForm2 } from "./text-parts.ts"

export const compositeKeys = [
  "layout",
  "parts",
  "short",
  "tags",
  "tag",
  "tagLength",
  "order",
  "countsTag",
  "unknown",
  "bitmap"
] as const

const layouts = ["positional", "ber-tlv", "tlv", "bitmapped", "track-2", "cup-59"] as const

/** What each layout is told; anything else beside it is a mistake. */
const layoutKeys: Readonly<Record<typeof layouts[number], ReadonlyArray<string>>> = {
  positional: ["parts", "short"],
  "ber-tlv": ["tags", "unknown"],
  tlv: ["tag", "tagLength", "order", "countsTag", "unknown", "tags"],
  bitmapped: ["bitmap", "parts"],
  "track-2": [],
  "cup-59": []
}

export function compositeFrom(
  context: FieldContext,
  source: Source,
  path: string,
  whole: FieldShape
): Composite | undefined {
  const { reader } = context
  const layout = reader.oneOf(source, "layout", path, layouts)
  if (layout === undefined) {
    for (const key of compositeKeys) {
      if (own(source, key) !== undefined) reader.fault(join(path, key), "needs a layout")
    }
    return undefined
  }
  for (const key of compositeKeys) {
    if (key === "layout" || own(source, key) === undefined) continue
    if (!layoutKeys[layout].includes(key)) {
      reader.fault(join(path, key), `says nothing to ${layout}`)
    }
  }
  switch (layout) {
    case "positional":
      return positional(context, source, path, whole)
    case "ber-tlv":
      return overHex(berTlv(context, source, path, whole), whole)
    case "tlv":
      return overHex(tagged(context, source, path, whole), whole)
    case "bitmapped":
      return overHex(bitmapped(context, source, path, whole), whole)
    case "track-2": {
      const shapes = named(whole, trackParts)
      return new TextParts(trackForm2((id) => shapes.get(id)), () => whole)
    }
    case "cup-59": {
      if (whole.encoding !== "ascii") {
        reader.fault(join(path, "encoding"), "must be ascii: cup-59 counts bytes")
      }
      const shapes = named(whole, field59Parts)
      const other = textPart(whole, "tag", "none")
      return new TextParts(
        field59Form((id) =>
          field59Id.test(id) ? shapes.get(id.split("#")[0]!) ?? other : undefined
        ),
        () => whole
      )
    }
  }
}

function overHex(inner: Composite, whole: FieldShape): Composite {
  return isHex(whole.encoding) ? new HexComposite(inner, whole.encoding !== "hex") : inner
}

function positional(
  context: FieldContext,
  source: Source,
  path: string,
  whole: FieldShape
): Composite {
  const { reader } = context
  const packed = whole.encoding === "bcd"
  const { ids, shapes } = partsFrom(context, source, path, whole)
  for (const [index, shape] of shapes.entries()) {
    if (packed && shape.fixed < 0) {
      reader.fault(`${path}.parts[${index}]`, "parts of packed digits need a length")
    }
  }
  const short = reader.flag(source, "short", path)
  const open = shapes.slice(0, -1).findIndex((shape) => shape.rest)
  if (open >= 0) {
    reader.fault(`${path}.parts[${open}].rest`, "leaves nothing to the parts behind it")
  }
  return packed
    ? new DigitParts(ids, shapes, short, () => whole)
    : overHex(new ByteParts(ids, shapes, short), whole)
}

function partsFrom(
  context: FieldContext,
  source: Source,
  path: string,
  whole: FieldShape
): { readonly ids: ReadonlyArray<string>; readonly shapes: ReadonlyArray<FieldShape> } {
  const { reader } = context
  // Behind hex the parts are bytes.
  const encoding = isHex(whole.encoding) ? "binary" : whole.encoding
  const inherit: Source = { type: whole.type, encoding }
  const ids: Array<string> = []
  const shapes: Array<FieldShape> = []
  for (const [index, value] of reader.list(own(source, "parts"), join(path, "parts")).entries()) {
    const at = `${path}.parts[${index}]`
    const { id, ...definition } = reader.record(value, at)
    const name = typeof id === "string" ? id : String(index + 1)
    if (id !== undefined && typeof id !== "string") reader.fault(`${at}.id`, "must be text")
    if (ids.includes(name)) reader.fault(`${at}.id`, "is there twice")
    const shape = context.field(context, definition, at, `${whole.path}.${name}`, inherit)
    ids.push(name)
    shapes.push(shape)
  }
  if (ids.length === 0) reader.fault(join(path, "parts"), "is missing")
  return { ids, shapes }
}

const tagKeys: ReadonlySet<string> = new Set(["width", "encoding"])

/**
 * `tag: { width: 2, encoding: ascii }, tagLength: { width: 3 }, tags: { "01": {} }`.
 */
function tagged(context: FieldContext, source: Source, path: string, whole: FieldShape): Composite {
  const { reader } = context
  const at = join(path, "tag")
  const tag = reader.record(own(source, "tag"), at)
  reader.known(tag, tagKeys, at)
  const encoding = reader.oneOf(tag, "encoding", at, tagEncodings) ?? "ascii"
  const width = reader.integer(tag, "width", at, 1, 8) ?? 2
  const packed = encoding === "bcd" || encoding === "binary"
  if (packed && width % 2 !== 0) reader.fault(join(at, "width"), "must be even: two to a byte")
  const shapes = new Map<string, FieldShape>()
  // Without a definition a value is what its surroundings are: text, or bytes.
  const inherit: Source = whole.type === "b"
    ? { type: "b", encoding: "binary", rest: true }
    : { type: "ans", encoding: whole.encoding, rest: true }
  for (const [id, value] of reader.entries(own(source, "tags"), join(path, "tags"))) {
    const where = `${path}.tags.${id}`
    for (const key of ["length", "prefix"]) {
      const given = typeof value === "object" && value !== null && own(value as Source, key)
      if (given) reader.fault(join(where, key), "is what its tag's length says already")
    }
    if (id.length !== width) reader.fault(where, `is no tag of ${width} characters`)
    shapes.set(id, context.field(context, value ?? {}, where, `${whole.path}.${id}`, inherit))
  }
  const plain = (id: string) =>
    whole.type === "b"
      ? bytesPart(whole, id)
      : bytesPart(whole, id).with({ type: "ans", encoding: whole.encoding })
  return new TagParts({
    encoding,
    width,
    bytes: packed ? width / 2 : width,
    length: prefixFrom(reader, own(source, "tagLength"), join(path, "tagLength")),
    lengthFirst: reader.oneOf(source, "order", path, ["tag-first", "length-first"]) ===
      "length-first",
    countsTag: reader.flag(source, "countsTag", path),
    refuseUnknown: refusesUnknown(reader, source, path),
    known: shapes,
    other: plain
  })
}

const innerBitmapKeys: ReadonlySet<string> = new Set(["bits", "encoding"])

/** `bitmap: { bits: 16, encoding: binary }`, and parts whose ids are bits. */
function bitmapped(
  context: FieldContext,
  source: Source,
  path: string,
  whole: FieldShape
): Composite {
  const { reader } = context
  const at = join(path, "bitmap")
  const bitmap = reader.record(own(source, "bitmap"), at)
  reader.known(bitmap, innerBitmapKeys, at)
  const bits = reader.integer(bitmap, "bits", at, 8, 64) ?? 8
  if (bits % 8 !== 0) reader.fault(join(at, "bits"), "must be a multiple of 8")
  const inHex = reader.oneOf(bitmap, "encoding", at, ["binary", "hex"]) === "hex"
  const shapes: Array<FieldShape | undefined> = Array.from({ length: bits + 1 })
  const { ids, shapes: list } = partsFrom(context, source, path, whole)
  for (const [index, id] of ids.entries()) {
    const bit = /^[1-9][0-9]?$/.test(id) ? Number(id) : 0
    if (bit < 1 || bit > bits) reader.fault(`${path}.parts[${index}].id`, `is no bit of ${bits}`)
    else shapes[bit] = list[index]
  }
  return new BitmappedParts({ bits: bits - bits % 8, hex: inHex }, shapes)
}

/** EMV's own tags are known without being listed; a dialect may name more, or name them anew. */
function berTlv(context: FieldContext, source: Source, path: string, whole: FieldShape): BerTlv {
  const { reader } = context
  const shapes = new Map<string, FieldShape>()
  for (const [tag, { mask, name, neverStored }] of emvTags) {
    shapes.set(tag, bytesPart(whole, tag).with({ name, mask, neverStored }))
  }
  for (const [tag, value] of reader.entries(own(source, "tags"), join(path, "tags"))) {
    const at = `${path}.tags.${tag}`
    if (!/^(?:[0-9A-F]{2}){1,4}$/.test(tag)) reader.fault(at, "is no tag of 1 to 4 bytes")
    const emv = emvTags.get(tag)
    // A dialect that names a tag anew does not take its mask away by forgetting it.
    const guard = emv === undefined ? {} : { mask: emv.mask, neverStored: emv.neverStored }
    const inherit: Source = { type: "b", encoding: "binary", rest: true, ...guard }
    const shape = context.field(context, value, at, `${whole.path}.${tag}`, inherit)
    if (shape.composite !== undefined) {
      reader.fault(join(at, "layout"), "says nothing here: what a tag holds are tags")
    }
    shapes.set(tag, shape)
  }
  const shapeOf = (tag: string) => {
    const shape = shapes.get(tag)
    return { shape: shape ?? bytesPart(whole, tag), known: shape !== undefined }
  }
  return new BerTlv(shapeOf, refusesUnknown(reader, source, path) ? shapes.keys() : undefined)
}

function refusesUnknown(reader: SourceReader, source: Source, path: string): boolean {
  return reader.oneOf(source, "unknown", path, ["keep", "refuse"]) === "refuse"
}

const trackParts: Readonly<Record<string, FieldShape["mask"]>> = {
  pan: "pan",
  expiry: "none",
  service: "hidden",
  discretionary: "hidden"
}
const field59Parts: Readonly<Record<string, FieldShape["mask"]>> = {
  A2: "none",
  A3: "code",
  A4: "none"
}
const field59Id = /^(?:EF[0-9]{2}|[A-Z][0-9A-Z])(?:#[1-9][0-9]?)?$/
const partNames: Readonly<Record<string, string>> = {
  pan: "card number",
  expiry: "expiry",
  service: "service code",
  discretionary: "discretionary part",
  A2: "terminal",
  A3: "pay code",
  A4: "voucher"
}

function named(
  whole: FieldShape,
  parts: Readonly<Record<string, FieldShape["mask"]>>
): ReadonlyMap<string, FieldShape> {
  return new Map(
    Object.entries(parts).map(([id, mask]) => [
      id,
      textPart(whole, id, mask).with({ name: partNames[id] ?? id, neverStored: mask === "hidden" })
    ])
  )
}

function textPart(whole: FieldShape, id: string, mask: FieldShape["mask"]): FieldShape {
  return bytesPart(whole, id).with({ type: "ans", encoding: "ascii", mask })
}

/** A value that takes all of its container. */
function bytesPart(whole: FieldShape, id: string): FieldShape {
  return new FieldShape({
    path: `${whole.path}.${id}`,
    name: `tag ${id}`,
    type: "b",
    encoding: "binary",
    fixed: -1,
    min: 0,
    max: 999_999,
    prefix: undefined,
    rest: true,
    fillLeft: false,
    fill: 0,
    padLeft: false,
    pad: undefined,
    overpunch: false,
    unchecked: false,
    mask: "none",
    neverStored: false,
    composite: undefined,
    lenient: true
  })
}
