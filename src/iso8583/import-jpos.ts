/**
 * Reads the XML of a jPOS GenericPackager. Its classes are one product written out: length encoding
 * x length width x value encoding x value type; the class name is taken apart, not looked up.
 *
 *     <isofield id="2" length="19" name="PAN" class="org.jpos.iso.IFB_LLNUM" pad="false"/>
 */

import { Effect, Stream } from "effect"
import { Xml } from "effect/encoding"
import type { DialectFault } from "./fault.ts"
import { dialectName, type Imported, imported } from "./imported.ts"
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

function read(root: Node, name: string): Imported {
  const notes: Array<DialectFault> = []
  const packager = root.children.find((node) => node.name === "isopackager")
  if (packager === undefined) notes.push({ path: "", problem: "has no isopackager element" })
  const fields = new Map<number, Source>()
  let mti = "ascii"
  let bitmap: Source = { encoding: "hex", bits: 128 }
  for (const node of packager?.children ?? []) {
    const id = Number(node.attributes["id"])
    const path = `isofield ${node.attributes["id"] ?? "?"}`
    const kind = className(node)
    if (!/^(?:isofield|isofieldpackager)$/.test(node.name) || !Number.isInteger(id)) {
      notes.push({ path, problem: `the element ${node.name} is not known` })
    } else if (id === 0) {
      mti = kind.startsWith("IFB")
        ? "bcd"
        : kind.startsWith("IFE")
        ? "ebcdic"
        : "ascii"
    } else if (id === 1 || kind.endsWith("BITMAP")) {
      if (id === 1) bitmap = bitmapOf(kind, Number(node.attributes["length"]), notes, path)
      else notes.push({ path, problem: `${kind}: a bitmap among the fields is not carried over` })
    } else {
      const field = fieldOf(node, path, notes)
      if (field !== undefined && id >= 2 && id <= 128) fields.set(id, field)
      else if (field !== undefined) notes.push({ path, problem: "is no field from 2 to 128" })
    }
  }
  return imported({ name: dialectName(name), title: name, mti, bitmap, fields, notes })
}

function className(node: Node): string {
  return (node.attributes["class"] ?? "").split(".").at(-1) ?? ""
}

function bitmapOf(
  kind: string,
  length: number,
  notes: Array<DialectFault>,
  path: string
): Source {
  const encoding = { IFA: "hex", IFB: "binary", IFE: "ebcdic-hex" }[kind.slice(0, 3)]
  if (encoding === undefined) notes.push({ path, problem: `${kind}: assumed to be hex` })
  const bits = length >= 24 ? 192 : length >= 16 ? 128 : 64
  return { encoding: encoding ?? "hex", bits }
}

function fieldOf(node: Node, path: string, notes: Array<DialectFault>): Source | undefined {
  const kind = className(node)
  const length = Number(node.attributes["length"])
  const shape = shapeOf(kind, length, node.attributes["pad"] === "true")
  if (shape === undefined || !Number.isInteger(length)) {
    notes.push({ path, problem: `${kind === "" ? "no class" : kind} cannot be carried over` })
    return undefined
  }
  for (const attribute of ["trim", "validator", "token"]) {
    if (node.attributes[attribute] !== undefined && node.attributes[attribute] !== "false") {
      notes.push({ path, problem: `${attribute} is not carried over` })
    }
  }
  const name = node.attributes["name"]
  const named = name === undefined || name === "" ? shape : { ...shape, name }
  return node.name === "isofield" ? named : { ...named, ...partsOf(node, shape, path, notes) }
}

/** Fields within a field: by position, or behind a bitmap of their own. */
function partsOf(node: Node, whole: Source, path: string, notes: Array<DialectFault>): Source {
  const { packager = "" } = node.attributes
  const bitmapped = node.attributes["emitBitmap"] === "true"
  const parts: Array<Source> = []
  let bitmap: Source | undefined
  for (const child of node.children) {
    const at = `${path}.${child.attributes["id"] ?? "?"}`
    const kind = className(child)
    if (kind.endsWith("BITMAP")) {
      bitmap = {
        bits: Number(child.attributes["length"]) * 8,
        encoding: kind.startsWith("IFB") ? "binary" : "hex"
      }
      continue
    }
    const part = fieldOf(child, at, notes)
    if (part !== undefined) parts.push({ id: child.attributes["id"] ?? "", ...part })
    else return {}
  }
  const known = /GenericSubFieldPackager|GenericPackager$/.test(packager)
  if (!known || parts.length === 0 || whole["encoding"] === "bcd") {
    notes.push({
      path,
      problem: `the parts of ${packager} are not carried over: kept as one value`
    })
    return {}
  }
  return bitmapped && bitmap !== undefined
    ? { layout: "bitmapped", bitmap, parts }
    : { layout: "positional", parts, short: true }
}

const lengthKinds: Readonly<Record<string, string>> = { A: "ascii", B: "bcd", E: "ebcdic" }
const valueForm = /^IF(A|B|E)_(L{1,6})(H?)(A?)(E?)(NUM|CHAR|BINARY|HBINARY)$/

/** Undefined: no class of the product. */
function shapeOf(kind: string, length: number, pad: boolean): Source | undefined {
  const align = pad ? "right" : "left"
  switch (kind) {
    case "IF_CHAR":
      return { type: "ans", encoding: "ascii", length }
    case "IF_ECHAR":
    case "IFE_CHAR":
      return { type: "ans", encoding: "ebcdic", length }
    case "IFA_NUMERIC":
      return { type: "n", encoding: "ascii", length }
    case "IFB_NUMERIC":
      return { type: "n", encoding: "bcd", length, align }
    case "IFE_NUMERIC":
      return { type: "n", encoding: "ebcdic", length }
    case "IFA_AMOUNT":
      return { type: "x+n", encoding: "ascii", length }
    case "IFB_AMOUNT":
      return { type: "x+n", encoding: "bcd", length }
    case "IFE_AMOUNT":
      return { type: "x+n", encoding: "ebcdic", length }
    case "IFE_SIGNED_NUMERIC":
      return { type: "x+n", encoding: "ebcdic", length, overpunch: true }
    case "IFA_BINARY":
      return { type: "b", encoding: "hex", length }
    case "IFB_BINARY":
      return { type: "b", encoding: "binary", length }
    case "IFE_BINARY":
      return { type: "b", encoding: "ebcdic-hex", length }
  }
  const match = valueForm.exec(kind)
  if (match === null) return undefined
  const [, family = "A", digits = "", binaryLength = "", hexValue = "", ebcdic = "", what = ""] =
    match
  const prefix = binaryLength === "H" || what === "HBINARY"
    ? { width: Math.max(1, digits.length - 1), encoding: "binary" }
    : { width: digits.length, encoding: lengthKinds[family] }
  if (what.endsWith("BINARY")) {
    return hexValue === "A"
      ? { type: "b", encoding: "hex", max: length, prefix: { ...prefix, counts: "octets" } }
      : { type: "b", encoding: "binary", max: length, prefix: { ...prefix, counts: "bytes" } }
  }
  if (what === "NUM" && family === "B") {
    return {
      type: "z",
      encoding: "bcd",
      max: length,
      align,
      prefix: { ...prefix, counts: "digits" }
    }
  }
  const encoding = family === "E" || ebcdic === "E" ? "ebcdic" : "ascii"
  // Track data travels in numeric classes too, so digits alone are not demanded.
  return { type: "ans", encoding, max: length, prefix: { ...prefix, counts: "bytes" } }
}
