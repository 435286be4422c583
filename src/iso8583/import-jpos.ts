/**
 * Reads the XML of a jPOS GenericPackager. What has a like here is carried over: fields of every
 * class of the product, parts by position, behind a bitmap or a tag, BER-TLV, a third bitmap; all
 * else is noted.
 *
 *     <isofield id="2" length="19" name="PAN" class="org.jpos.iso.IFB_LLNUM" pad="false"/>
 */

import { Effect, Stream } from "effect"
import { Xml } from "effect/encoding"
import type { SourceFault } from "../domain/source-fault.ts"
import { dialectName, type Imported, imported } from "./imported.ts"
import { shapeOfClass, type TagClass, tagOfClass } from "./jpos-class.ts"
import type { Source } from "./source-reader.ts"

interface Node {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: Array<Node>
}

/** Fails where the text is no XML; everything else that cannot be read is a note. */
export function importJpos(xml: string, name: string): Effect.Effect<Imported, Xml.XmlError> {
  return Effect.map(treeOf(xml), (root) => read(root, name))
}

function treeOf(xml: string): Effect.Effect<Node, Xml.XmlError> {
  return Stream.make(xml).pipe(
    Stream.pipeThroughChannel(Xml.decodeString({ maxDepth: 16 })),
    Stream.runCollect,
    Effect.map((events) => {
      const root: Node = { name: "", attributes: {}, children: [] }
      const open = [root]
      for (const event of events) {
        if (event._tag === "StartElement") {
          const node = { name: event.name, attributes: event.attributes, children: [] }
          open.at(-1)!.children.push(node)
          open.push(node)
        } else if (event._tag === "EndElement") open.pop()
      }
      return root
    })
  )
}

/** What the packager itself may say; the rest is noted. */
const packagerKeys: ReadonlySet<string> = new Set(["firstField", "thirdBitmapField"])

function read(root: Node, name: string): Imported {
  const notes: Array<SourceFault> = []
  const packager = root.children.find((node) => node.name === "isopackager")
  if (packager === undefined) notes.push({ path: "", problem: "has no isopackager element" })
  const { attributes = {}, children = [] } = packager ?? {}
  for (const [key, value] of Object.entries(attributes)) {
    if (packagerKeys.has(key) || (plainPackager[key] ?? "") === value) continue
    notes.push({ path: "isopackager", problem: `${key}="${value}" is not carried over` })
  }
  const fields = new Map<number, Source>()
  let mti = "ascii"
  let bitmap: Source = { encoding: "hex", bits: 128 }
  let third = Number(attributes["thirdBitmapField"] ?? 0)
  for (const node of children) {
    const id = Number(node.attributes["id"])
    const path = `isofield ${node.attributes["id"] ?? "?"}`
    const kind = className(node)
    if (!/^(?:isofield|isofieldpackager)$/.test(node.name) || !Number.isInteger(id)) {
      notes.push({ path, problem: `the element ${node.name} is not known` })
    } else if (id === 0) mti = mtiOf(kind)
    else if (id === 1) bitmap = bitmapOf(kind, Number(node.attributes["length"]), notes, path)
    else if (id === third || kind.endsWith("BITMAP")) {
      if (third === 0 && id === 65) third = id
      if (id !== third) {
        notes.push({ path, problem: `${kind}: a bitmap among the fields is not carried over` })
      }
    } else {
      const field = fieldOf(node, path, notes)
      if (field !== undefined && id >= 2 && id <= 192) fields.set(id, field)
      else if (field !== undefined) notes.push({ path, problem: "is no field from 2 to 192" })
    }
  }
  if (third > 0) bitmap = { ...bitmap, bits: 192, third }
  else if ([...fields.keys()].some((id) => id > 128)) bitmap = { ...bitmap, bits: 192 }
  return imported({ name: dialectName(name), title: name, mti, bitmap, fields, notes })
}

/** What a packager that says nothing means. */
const plainPackager: Readonly<Record<string, string>> = {
  maxValidField: "128",
  bitmapField: "1",
  emitBitmap: "true",
  headerLength: "0"
}

function mtiOf(kind: string): string {
  return kind.startsWith("IFB") ? "bcd" : kind.startsWith("IFE") ? "ebcdic" : "ascii"
}

function className(node: Node): string {
  return (node.attributes["class"] ?? "").split(".").at(-1) ?? ""
}

function bitmapOf(
  kind: string,
  length: number,
  notes: Array<SourceFault>,
  path: string
): Source {
  const encoding = { IFA: "hex", IFB: "binary", IFE: "ebcdic-hex" }[kind.slice(0, 3)]
  if (encoding === undefined) notes.push({ path, problem: `${kind}: assumed to be hex` })
  const bits = length >= 24 ? 192 : length >= 16 ? 128 : 64
  return { encoding: encoding ?? "hex", bits }
}

const fieldKeys: ReadonlySet<string> = new Set([
  "id",
  "length",
  "name",
  "class",
  "pad",
  "packager",
  "emitBitmap",
  "firstField"
])

function fieldOf(node: Node, path: string, notes: Array<SourceFault>): Source | undefined {
  const kind = className(node)
  const length = Number(node.attributes["length"])
  const shape = shapeOfClass(kind, length, node.attributes["pad"] === "true")
  if (shape === undefined || !Number.isInteger(length)) {
    notes.push({ path, problem: `${kind === "" ? "no class" : kind} cannot be carried over` })
    return undefined
  }
  for (const [attribute, value] of Object.entries(node.attributes)) {
    if (fieldKeys.has(attribute) || value === "false") continue
    notes.push({ path, problem: `${attribute} is not carried over` })
  }
  const name = nameOf(node)
  if (node.name === "isofield") return { ...shape, ...name }
  const parts = partsOf(node, shape, path, notes)
  // Bytes have no side where packed digits stand.
  const { align: _side, fill: _fill, ...bytes } = shape
  return { ...("encoding" in parts ? bytes : shape), ...name, ...parts }
}

function nameOf({ attributes: { name = "" } }: Node): Source {
  return name === "" ? {} : { name }
}

/** Fields within a field: by position, behind a bitmap or a tag of their own, or BER-TLV. */
function partsOf(node: Node, whole: Source, path: string, notes: Array<SourceFault>): Source {
  const packager = (node.attributes["packager"] ?? "").split(".").at(-1) ?? ""
  const lost = (): Source => {
    notes.push({
      path,
      problem: `the parts of ${packager} are not carried over: kept as one value`
    })
    return {}
  }
  if (/^BERTLV(?:Binary|AsciiHex)Packager$/.test(packager)) {
    if (node.children.length > 0) {
      notes.push({ path, problem: "its tags keep the names that EMV gives them" })
    }
    return { ...bytesOf(whole, packager.includes("AsciiHex")), layout: "ber-tlv" }
  }
  const tags = node.children.map((child) => tagOfClass(className(child)))
  if (tags.some((tag) => tag !== undefined)) return taggedOf(node, whole, tags) ?? lost()
  if (!/^Generic(?:SubField|Validating)?Packager$/.test(packager)) return lost()
  const parts: Array<Source> = []
  let bitmap: Source | undefined
  for (const child of node.children) {
    const kind = className(child)
    if (kind.endsWith("BITMAP")) {
      bitmap = {
        bits: Number(child.attributes["length"]) * 8,
        encoding: kind.startsWith("IFB") ? "binary" : "hex"
      }
      continue
    }
    const part = fieldOf(child, `${path}.${child.attributes["id"] ?? "?"}`, notes)
    if (part === undefined) return lost()
    parts.push({ id: child.attributes["id"] ?? "", ...part })
  }
  const bitmapped = node.attributes["emitBitmap"] === "true"
  if (parts.length === 0 || bitmapped && bitmap === undefined) return lost()
  const container = whole["encoding"] === "bcd" ? bytesOf(whole, false) : {}
  return bitmapped
    ? { ...container, layout: "bitmapped", bitmap, parts }
    : { ...container, layout: "positional", parts, short: true }
}

/** The whole as bytes, or as their hex, whatever its class took it for. */
function bytesOf(whole: Source, inHex: boolean): Source {
  const digits = whole["encoding"] === "bcd" || inHex && whole["encoding"] === "ascii"
  const half = (key: string): Source => {
    const size = whole[key]
    if (typeof size !== "number") return {}
    return { [key]: digits ? (size + 1) >> 1 : size }
  }
  const prefix = whole["prefix"] as Source | undefined
  const counts = whole["encoding"] === "bcd" ? { counts: "nibbles" } : {}
  return {
    type: "b",
    encoding: inHex ? "hex" : whole["encoding"] === "hex" ? "hex" : "binary",
    ...half("length"),
    ...half("max"),
    ...(prefix === undefined ? {} : { prefix: { ...prefix, ...counts } })
  }
}

/** Undefined where the tags are not all of one form. */
function taggedOf(
  node: Node,
  whole: Source,
  classes: ReadonlyArray<TagClass | undefined>
): Source | undefined {
  const [first] = classes
  if (first === undefined || whole["encoding"] === "bcd") return undefined
  const tags: Record<string, Source> = {}
  for (const [index, each] of classes.entries()) {
    if (each?.tagWidth !== first.tagWidth || each.lengthWidth !== first.lengthWidth) {
      return undefined
    }
    const child = node.children[index]!
    const { id = "", token } = child.attributes
    const form = each.binary
      ? { type: "b", encoding: "binary" }
      : { type: "ans", encoding: "ascii" }
    tags[token ?? id.padStart(first.tagWidth, "0")] = { ...form, ...nameOf(child), rest: true }
  }
  return {
    layout: "tlv",
    tag: { width: first.tagWidth },
    tagLength: { width: first.lengthWidth, counts: "bytes" },
    tags
  }
}
