/**
 * Reads the JSON of a moov-io/iso8583 message specification.
 *
 *     { "name": "…", "fields": { "2": { "type": "String", "length": 19, "enc": "BCD",
 *       "prefix": "BCD.LL", "padding": { "type": "Left", "pad": "0" } } } }
 */

import { dialectName, type Imported, imported } from "./imported.ts"
import { own, type Source, SourceReader } from "./source-reader.ts"

/** `json` is parsed already. What is no specification gives a dialect without fields, and notes. */
export function importMoov(json: unknown, name: string): Imported {
  const reader = new SourceReader()
  const file = reader.record(json, "")
  reader.known(file, new Set(["name", "fields"]), "")
  const fields = new Map<number, Source>()
  let mti = "ascii"
  let bitmap: Source = { encoding: "hex", bits: 128 }
  for (const [key, value] of reader.entries(own(file, "fields"), "fields")) {
    const path = `fields.${key}`
    const field = reader.record(value, path)
    const enc = own(field, "enc")
    if (key === "0") mti = mtiOf(reader, enc, path)
    else if (key === "1") bitmap = bitmapOf(reader, field, path)
    else if (/^[1-9][0-9]{0,2}$/.test(key) && Number(key) <= 192) {
      const read = fieldOf(reader, field, path)
      if (read !== undefined) fields.set(Number(key), read)
    } else reader.fault(path, "is no field from 2 to 192")
  }
  if ([...fields.keys()].some((field) => field > 128)) bitmap = { ...bitmap, bits: 192 }
  const title = reader.text(file, "name", "") ?? name
  return imported({ name: dialectName(name), title, mti, bitmap, fields, notes: reader.faults })
}

function mtiOf(reader: SourceReader, enc: unknown, path: string): string {
  switch (enc) {
    case "ASCII":
      return "ascii"
    case "BCD":
      return "bcd"
    case "EBCDIC":
    case "EBCDIC1047":
      return "ebcdic"
    default:
      reader.fault(path, `${String(enc)}: assumed to be ASCII`)
      return "ascii"
  }
}

/** A spec says the length of one bitmap; more of them follow as the first bit says, or never. */
function bitmapOf(reader: SourceReader, field: Source, path: string): Source {
  const enc = own(field, "enc")
  const length = Number(own(field, "length") ?? 8)
  if (enc !== "Binary" && enc !== "HexToASCII") {
    reader.fault(path, `${String(enc)}: assumed to be hex`)
  }
  const encoding = enc === "Binary" ? "binary" : "hex"
  if (own(field, "disableautoexpand") !== true) return { encoding, bits: 128 }
  return { encoding, bits: length >= 24 ? 192 : length >= 16 ? 128 : 64, always: true }
}

const knownKeys: ReadonlySet<string> = new Set([
  "type",
  "length",
  "description",
  "enc",
  "prefix",
  "padding",
  "tag",
  "subfields",
  "bitmap",
  "disableautoexpand"
])

function fieldOf(reader: SourceReader, field: Source, path: string): Source | undefined {
  reader.known(field, knownKeys, path)
  const type = own(field, "type")
  const composite = type === "Composite"
  const shape = shapeOf(composite ? "Binary" : type, composite ? "Binary" : own(field, "enc"))
  const length = own(field, "length") ?? 0
  const ends = endsOf(own(field, "prefix"), length, shape)
  if (shape === undefined || ends === undefined) {
    const what = `${String(type)}, ${String(own(field, "enc"))}, ${String(own(field, "prefix"))}`
    reader.fault(path, `${what} cannot be carried over`)
    return undefined
  }
  const name = own(field, "description")
  const pad = padOf(reader, own(field, "padding"), path, shape)
  return {
    ...shape,
    ...ends,
    ...pad,
    ...(typeof name === "string" && name !== "" ? { name } : {}),
    ...(composite ? partsOf(reader, field, path) : {})
  }
}

function shapeOf(type: unknown, enc: unknown): Source | undefined {
  if (
    !["String", "Numeric", "Binary", "Track1", "Track2", "Track3", "Hex"].includes(String(type))
  ) {
    return undefined
  }
  // Numbers and texts share fields like the PAN's; packed digits hold track data as well.
  switch (enc) {
    case "ASCII":
      return { type: type === "Numeric" ? "n" : "ans", encoding: "ascii" }
    case "EBCDIC":
      return { type: type === "Numeric" ? "n" : "ans", encoding: "ebcdic" }
    case "EBCDIC1047":
      return { type: type === "Numeric" ? "n" : "ans", encoding: "ebcdic1047" }
    case "BCD":
      return { type: type === "Numeric" ? "n" : "z", encoding: "bcd", align: "right" }
    case "LBCD":
      return { type: type === "Numeric" ? "n" : "z", encoding: "bcd", align: "left" }
    case "Binary":
    case "ASCIIToHex":
      return { type: "b", encoding: "binary" }
    case "HexToASCII":
      return { type: "b", encoding: "hex" }
    default:
      return undefined
  }
}

function endsOf(prefix: unknown, length: unknown, shape: Source | undefined): Source | undefined {
  const match = /^(ASCII|BCD|EBCDIC|EBCDIC1047|Hex|Binary)\.(Fixed|L{1,6})$/.exec(String(prefix))
  if (match === null || !Number.isInteger(length)) return undefined
  const [, family = "", width = ""] = match
  if (width === "Fixed") return { length }
  // Its characters are sent as the hex of their codes: nothing here has such a form.
  if (family === "Hex") return undefined
  const counts = shape?.["encoding"] === "hex"
    ? "octets"
    : shape?.["encoding"] === "bcd"
    ? "digits"
    : "bytes"
  const encoding = family === "EBCDIC1047" ? "ebcdic" : family.toLowerCase()
  return { max: length, prefix: { width: width.length, encoding, counts } }
}

function padOf(
  reader: SourceReader,
  padding: unknown,
  path: string,
  shape: Source
): Source | undefined {
  if (padding === undefined) return undefined
  const { pad, type } = reader.record(padding, `${path}.padding`)
  if (type === "None") return undefined
  if ((type !== "Left" && type !== "Right") || typeof pad !== "string" || pad.length !== 1) {
    reader.fault(`${path}.padding`, "cannot be carried over")
    return undefined
  }
  if (shape["type"] === "b") return undefined
  return { pad: { side: type === "Left" ? "left" : "right", with: pad } }
}

/** In our order tags stand as they come, so what sorts them says nothing. */
const tagKeys: ReadonlySet<string> = new Set(["length", "enc", "padding", "sort"])

/** Tags that the spec names: length and end are those of BER-TLV itself. */
function berTags(reader: SourceReader, field: Source, path: string): Source {
  const tags: Record<string, Source> = {}
  for (const [id, value] of reader.entries(own(field, "subfields"), `${path}.subfields`)) {
    const at = `${path}.subfields.${id}`
    const part = reader.record(value, at)
    reader.known(part, knownKeys, at)
    const composite = own(part, "type") === "Composite"
    const shape = composite
      ? shapeOf("Binary", "Binary")
      : shapeOf(own(part, "type"), own(part, "enc"))
    const name = own(part, "description")
    if (shape === undefined || !/^(?:[0-9A-Fa-f]{2}){1,4}$/.test(id)) {
      reader.fault(at, "is not carried over: kept as bytes")
      continue
    }
    if (composite) reader.fault(at, "its parts keep the names that EMV gives them")
    tags[id.toUpperCase()] = {
      ...shape,
      rest: true,
      ...(typeof name === "string" && name !== "" ? { name } : {})
    }
  }
  return tags
}

function partsOf(reader: SourceReader, field: Source, path: string): Source {
  const tag = own(field, "tag")
  const form = tag === undefined ? {} : reader.record(tag, `${path}.tag`)
  reader.known(form, tagKeys, `${path}.tag`)
  const { enc, length } = form
  if (enc === "BerTLVTag") return { layout: "ber-tlv", tags: berTags(reader, field, path) }
  const subfields = reader.entries(own(field, "subfields"), `${path}.subfields`)
    .map(([id, value]) => {
      const at = `${path}.subfields.${id}`
      const source = reader.record(value, at)
      return { id, prefix: String(own(source, "prefix")), part: fieldOf(reader, source, at) }
    })
  if (subfields.some(({ part }) => part === undefined)) {
    reader.fault(path, "its parts are not carried over: kept as one value")
    return {}
  }
  const inner = own(field, "bitmap")
  if (inner !== undefined) {
    const map = reader.record(inner, `${path}.bitmap`)
    const encoding = own(map, "enc") === "Binary" ? "binary" : "hex"
    const parts = subfields.map(({ id, part }) => Object.assign({ id }, part))
    return {
      layout: "bitmapped",
      bitmap: { bits: Number(own(map, "length")) * 8, encoding },
      parts
    }
  }
  if (Number(length ?? 0) === 0) {
    const parts = subfields.sort((one, other) => Number(one.id) - Number(other.id))
      .map(({ id, part }) => Object.assign({ id }, part))
    return { layout: "positional", parts, short: true }
  }
  return taggedParts(reader, path, Number(length), enc, subfields)
}

function taggedParts(
  reader: SourceReader,
  path: string,
  length: number,
  enc: unknown,
  subfields: ReadonlyArray<{
    readonly id: string
    readonly prefix: string
    readonly part: Source | undefined
  }>
): Source {
  const prefixes = new Set(subfields.map(({ prefix }) => prefix))
  const first = subfields[0]?.part?.["prefix"]
  // Here the length of a tag counts bytes, whatever the value is made of.
  const inBytes = subfields.every(({ part }) =>
    (part?.["prefix"] as Source)?.["counts"] === "bytes"
  )
  const encoding = { ASCII: "ascii", EBCDIC: "ebcdic", BCD: "bcd", Binary: "binary" }[String(enc)]
  if (prefixes.size !== 1 || !inBytes || encoding === undefined) {
    reader.fault(path, "its tags are not carried over: kept as one value")
    return {}
  }
  const packed = encoding === "binary"
  const tags = Object.fromEntries(
    subfields.map(({ id, part }) => {
      const { max: _max, prefix: _prefix, ...rest } = part!
      return [id.padStart(packed ? length * 2 : length, "0"), { ...rest, rest: true }]
    })
  )
  return {
    layout: "tlv",
    tag: { width: packed ? length * 2 : length, encoding },
    tagLength: first,
    tags
  }
}
