/**
 * A message as plain JSON and back, without loss:
 *
 *     { "mti": "0200", "fields": { "2": "6235…", "22": "051", "52": { "hex": "FF0C…" } } }
 *
 * Must hold: a document made from a message makes the same bytes again. A value whose text would
 * not (another fill, lower-case hex, text outside its character set) stands as the hex of its
 * bytes. A document is clear text: it is what `encode` reads, not what `decode` shows.
 */

import { hex } from "./character-set.ts"
import type { CompiledDialect } from "./dialect.ts"
import type { BuildFault } from "./fault.ts"
import { writeField } from "./field-writer.ts"
import { textOf } from "./field.ts"
import { faultCode, indexCapacity } from "./indexer.ts"
import { find, shapeIn } from "./layout.ts"
import type { Message, Values } from "./message.ts"

interface MessageDocument {
  readonly mti: string
  /** Where more bitmaps were sent than the fields need. */
  readonly bitmaps?: number
  /** Where the hex of the bitmaps has small letters. */
  readonly letters?: "small"
  readonly fields: Readonly<Record<string, string | { readonly hex: string }>>
}

export function documentOf(message: Message): MessageDocument {
  const dialect = message.dialect as CompiledDialect
  const { bytes, index, mti, mtiNumber } = message
  const fields: Record<string, string | { readonly hex: string }> = {}
  const scratch = new Uint8Array(bytes.length + 64)
  for (const field of message.fields()) {
    const at = find(index, field)
    const [start, end] = [index[at + 1]!, index[at + 2]!]
    const shape = shapeIn(dialect.layout.entries[field]!, bytes, 0, index, mtiNumber)
    const text = textOf(shape, bytes, start, end)
    const from = start - shape.prefixBytes
    const length = writeField(shape, text, scratch, 0)
    const same = length === end - from && sameBytes(scratch, bytes, from, end)
    fields[String(field)] = same ? text : { hex: hex(bytes, start, end).toUpperCase() }
  }
  const needed = message.fields().at(-1) ?? 0
  const { bitmaps, small } = dialect.headOf(message)
  return {
    mti,
    ...(bitmaps > Math.max(1, Math.ceil(needed / 64)) ? { bitmaps } : {}),
    ...(small ? { letters: "small" } : {}),
    fields
  }
}

function sameBytes(made: Uint8Array, bytes: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end; at++) if (made[at - from] !== bytes[at]) return false
  return true
}

/** Reads a document that nobody vouches for. Paths of parts are allowed, as for `build`. */
export function encodeDocument(
  dialect: CompiledDialect,
  document: unknown
): Buffer | BuildFault {
  if (!isRecord(document)) return { path: "", problem: "must be an object" }
  for (const key of Object.keys(document)) {
    if (!["mti", "bitmaps", "letters", "fields"].includes(key)) {
      return { path: key, problem: "is not a known key" }
    }
  }
  const { bitmaps = 1, fields, letters, mti } = document
  if (typeof mti !== "string") return { path: "mti", problem: "must be 4 digits, in quotes" }
  if (!isRecord(fields)) return { path: "fields", problem: "must be an object" }
  if (bitmaps !== 1 && bitmaps !== 2 && bitmaps !== 3) {
    return { path: "bitmaps", problem: "must be 1, 2 or 3" }
  }
  if (letters !== undefined && letters !== "small") {
    return { path: "letters", problem: "must be small, or left out" }
  }
  const values: Record<string, string | Uint8Array> = Object.create(null)
  for (const [path, value] of Object.entries(fields)) {
    const read = valueFrom(value)
    if (read === undefined) {
      return { path, problem: "must be text, or an object with hex in pairs" }
    }
    values[path] = read
  }
  const form = { bitmaps, small: letters === "small" } as const
  const body = dialect.encode(mti, values as Values, false, form)
  return body instanceof Uint8Array ? readable(dialect, body) : body
}

/**
 * Bytes and tags that a document gives are its own; a message that nobody could take apart is none.
 * Whether it has the fields that its type demands is not asked.
 */
function readable(dialect: CompiledDialect, body: Buffer): Buffer | BuildFault {
  const out = new Int32Array(indexCapacity)
  const code = -dialect.index(body, 0, body.length, out)
  if (code < faultCode.prefixCut || code > faultCode.trailing) return body
  const { expected, path } = dialect.fault(body, 0, out)
  return { path, problem: `is wrong: expected ${expected}` }
}

function valueFrom(value: unknown): string | Uint8Array | undefined {
  if (typeof value === "string") return value
  if (!isRecord(value)) return undefined
  const { hex: digits } = value
  if (typeof digits !== "string" || !/^(?:[0-9A-Fa-f]{2})*$/.test(digits)) return undefined
  return Buffer.from(digits, "hex")
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
