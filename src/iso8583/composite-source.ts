/** The layout of a field with parts, as a dialect file declares it. */

import { BerTlv } from "./ber-tlv.ts"
import type { Composite } from "./composite.ts"
import { emvTags } from "./emv-tags.ts"
import { isHex } from "./field-size.ts"
import type { FieldContext } from "./field-source.ts"
import { FieldShape } from "./field.ts"
import { HexComposite } from "./hex-composite.ts"
import { ByteParts, DigitParts } from "./positional.ts"
import { join, own, type Source } from "./source-reader.ts"
import { field59Form, TextParts, trackForm2 } from "./text-parts.ts"

export const compositeKeys = ["layout", "parts", "short", "tags"] as const

const layouts = ["positional", "ber-tlv", "track-2", "cup-59"] as const

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
  switch (layout) {
    case "positional":
      return positional(context, source, path, whole)
    case "ber-tlv":
      return overHex(new BerTlv(tagShapes(context, source, path, whole)), whole)
    case "track-2": {
      const shapes = named(whole, trackParts)
      return new TextParts(trackForm2((id) => shapes.get(id)), () => whole)
    }
    case "cup-59": {
      const shapes = named(whole, field59Parts)
      const other = textPart(whole, "tag", "none")
      return new TextParts(
        field59Form((id) => shapes.get(id.split("#")[0]!) ?? other),
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
  const inherit: Source = { type: whole.type, encoding: whole.encoding }
  const ids: Array<string> = []
  const shapes: Array<FieldShape> = []
  for (const [index, value] of reader.list(own(source, "parts"), join(path, "parts")).entries()) {
    const at = `${path}.parts[${index}]`
    const { id, ...definition } = reader.record(value, at)
    const name = typeof id === "string" ? id : String(index + 1)
    if (id !== undefined && typeof id !== "string") reader.fault(`${at}.id`, "must be text")
    if (ids.includes(name)) reader.fault(`${at}.id`, "is there twice")
    const shape = context.field(context, definition, at, `${whole.path}.${name}`, inherit)
    if (packed && shape.fixed < 0) reader.fault(at, "parts of packed digits need a length")
    ids.push(name)
    shapes.push(shape)
  }
  if (ids.length === 0) reader.fault(join(path, "parts"), "is missing")
  const short = reader.flag(source, "short", path)
  return packed
    ? new DigitParts(ids, shapes, short, () => whole)
    : new ByteParts(ids, shapes, short)
}

/** EMV's own tags are known without being listed; a dialect may name more, or name them anew. */
function tagShapes(context: FieldContext, source: Source, path: string, whole: FieldShape) {
  const { reader } = context
  const shapes = new Map<string, FieldShape>()
  for (const [tag, { mask, name, neverStored }] of emvTags) {
    shapes.set(tag, bytesPart(whole, tag).with({ name, mask, neverStored }))
  }
  for (const [tag, value] of reader.entries(own(source, "tags"), join(path, "tags"))) {
    const at = `${path}.tags.${tag}`
    if (!/^(?:[0-9A-F]{2}){1,4}$/.test(tag)) reader.fault(at, "is no tag of 1 to 4 bytes")
    const inherit: Source = { type: "b", encoding: "binary", rest: true }
    shapes.set(tag, context.field(context, value, at, `${whole.path}.${tag}`, inherit))
  }
  return (tag: string) => {
    const shape = shapes.get(tag)
    return { shape: shape ?? bytesPart(whole, tag), known: shape !== undefined }
  }
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
