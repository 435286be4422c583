/**
 * A framing description as plain data, read from a file of `config/framings/`, and the check that
 * turns it into one that can be compiled. What must hold: every mistake is named with its path, and
 * a description without faults compiles.
 *
 *   length:     | before | length | after | header ………… | body ………… | trailer |
 *                                           └── what the length counts ──┘
 *               and, where declared, also itself (`inclusive`) or the trailer (`countsTrailer`)
 *
 *   terminator: | header ………… | body ………… | terminator |
 */

import type { SourceFault } from "../domain/source-fault.ts"
import { DescriptionReader } from "./description-reader.ts"
import type { LengthField } from "./length-field.ts"
import { lengthEncodings } from "./length-field.ts"

export interface LengthDescription extends LengthField {
  readonly inclusive: boolean
  readonly countsTrailer: boolean
  /** Reserved bytes around the length: sent as they stand here. */
  readonly before: Buffer
  readonly after: Buffer
  /** Received reserved bytes that differ end the connection; otherwise nobody looks at them. */
  readonly strict: boolean
}

/** One part of what stands between length and body. */
export interface HeaderPart {
  readonly name: string
  /** Length in bytes; 0 where the part's first byte counts the part, itself included. */
  readonly bytes: number
  /** The part is there only when these bytes begin it. */
  readonly when: Buffer | undefined
  /** The part in a message of our own; undefined leaves it out. */
  readonly fresh: Buffer | undefined
  /** Replies carry the part as it came, or not at all. */
  readonly reply: "same" | "drop"
  /** In a reply, the `bytes` at `at` change places with the `bytes` behind them. */
  readonly swap: { readonly at: number; readonly bytes: number } | undefined
  /** Where the length of header and body together is written. */
  readonly total: (LengthField & { readonly at: number }) | undefined
}

/** Frames whose byte at `at`, masked, has this value are keep-alives, full or empty. */
interface MarkerDescription {
  readonly at: number
  readonly mask: number
  readonly value: number
}

interface KeepAliveDescription {
  /** What the other side expects: its own bytes, or nothing. */
  readonly reply: "echo" | "none"
  /** Keep-alives in a row without a message between; one more ends the connection. */
  readonly max: number
  readonly marker: MarkerDescription | undefined
}

export interface FramingDescription {
  readonly name: string
  readonly boundary:
    | { readonly _tag: "length"; readonly length: LengthDescription }
    | { readonly _tag: "terminator"; readonly byte: number }
  readonly trailer: Buffer
  readonly header: ReadonlyArray<HeaderPart>
  readonly keepAlive: KeepAliveDescription | undefined
  /** What is no frame costs itself alone: the stream goes on at the next mark. */
  readonly resync: boolean
}

/** Bytes of one header part, at most. */
const maxPartBytes = 255

/** Parts of one header, at most. */
const maxHeaderParts = 8

const framingKeys = ["name", "length", "terminator", "trailer", "header", "keepAlive", "resync"]
const lengthKeys = ["bytes", "encoding", "inclusive", "countsTrailer", "before", "after", "strict"]
const partKeys = ["name", "bytes", "when", "fresh", "reply", "swap", "total"]

/** The description, or every mistake in it. */
export function readDescription(
  source: unknown
): FramingDescription | ReadonlyArray<SourceFault> {
  const reader = new DescriptionReader()
  const root = reader.record("", source, framingKeys)
  if (reader.faults.some((fault) => fault.path === "")) return reader.faults
  const name = reader.text("name", root["name"])
  const boundary = readBoundary(reader, root)
  const trailer = reader.hex("trailer", root["trailer"], 0, 8) ?? Buffer.alloc(0)
  if (root["trailer"] !== undefined && boundary._tag === "terminator") {
    reader.fault("trailer", "belongs to a length; a terminator ends the frame already")
  }
  if (boundary._tag === "length" && boundary.length.countsTrailer && trailer.length === 0) {
    reader.fault("length.countsTrailer", "there is no trailer to count")
  }
  const header = reader.list("header", root["header"], maxHeaderParts)
    .map((part, place) => readPart(reader, `header[${place}]`, part))
  const keepAlive = root["keepAlive"] === undefined
    ? undefined
    : readKeepAlive(reader, root["keepAlive"], boundary)
  const resync = reader.boolean("resync", root["resync"])
  if (resync && boundary._tag === "length" && !isMarked(boundary.length)) {
    reader.fault("resync", "needs a terminator, or two strict bytes before the length to look for")
  }
  return reader.faults.length > 0
    ? reader.faults
    : { name, boundary, trailer, header, keepAlive, resync }
}

function isMarked({ before, strict }: LengthDescription): boolean {
  return strict && before.length >= 2
}

function readBoundary(
  reader: DescriptionReader,
  root: Readonly<Record<string, unknown>>
): FramingDescription["boundary"] {
  if ((root["length"] === undefined) === (root["terminator"] === undefined)) {
    reader.fault("", "needs either a length or a terminator")
  }
  if (root["length"] === undefined) {
    const byte = reader.hex("terminator", root["terminator"], 1, 1)?.[0] ?? 0
    return { _tag: "terminator", byte }
  }
  const length = reader.record("length", root["length"], lengthKeys)
  const empty = Buffer.alloc(0)
  return {
    _tag: "length",
    length: {
      bytes: reader.integer("length.bytes", length["bytes"], 1, 6),
      encoding: reader.oneOf("length.encoding", length["encoding"], lengthEncodings, "binary"),
      inclusive: reader.boolean("length.inclusive", length["inclusive"]),
      countsTrailer: reader.boolean("length.countsTrailer", length["countsTrailer"]),
      before: reader.hex("length.before", length["before"], 0, 8) ?? empty,
      after: reader.hex("length.after", length["after"], 0, 8) ?? empty,
      strict: reader.boolean("length.strict", length["strict"])
    }
  }
}

function readPart(reader: DescriptionReader, path: string, source: unknown): HeaderPart {
  const part = reader.record(path, source, partKeys)
  const name = reader.text(`${path}.name`, part["name"])
  const counted = part["bytes"] === "counted"
  const bytes = counted ? 0 : reader.integer(`${path}.bytes`, part["bytes"], 1, maxPartBytes)
  const when = reader.hex(`${path}.when`, part["when"], 1, counted ? maxPartBytes : bytes)
  const fresh = counted
    ? reader.hex(`${path}.fresh`, part["fresh"], 1, maxPartBytes)
    : reader.hex(`${path}.fresh`, part["fresh"], bytes, bytes)
  if (counted && fresh !== undefined && fresh[0] !== fresh.length) {
    reader.fault(`${path}.fresh`, `its first byte must be its length, ${fresh.length}`)
  }
  if (fresh !== undefined && when !== undefined && !fresh.subarray(0, when.length).equals(when)) {
    reader.fault(`${path}.fresh`, "must begin with what when says, or the other side misses it")
  }
  if (fresh === undefined && when === undefined && part["fresh"] === undefined) {
    reader.fault(`${path}.fresh`, "is missing: a message of our own needs this part")
  }
  const reply = reader.oneOf(`${path}.reply`, part["reply"], ["same", "drop"] as const, "same")
  const room = counted ? fresh?.length ?? maxPartBytes : bytes
  return { name, bytes, when, fresh, reply, ...readPlaces(reader, path, part, room) }
}

/** What is changed inside a part: addresses that are swapped, a total that is written. */
function readPlaces(
  reader: DescriptionReader,
  path: string,
  part: Readonly<Record<string, unknown>>,
  room: number
): Pick<HeaderPart, "swap" | "total"> {
  let swap: HeaderPart["swap"]
  let total: HeaderPart["total"]
  if (part["swap"] !== undefined) {
    const place = reader.record(`${path}.swap`, part["swap"], ["at", "bytes"])
    const at = reader.integer(`${path}.swap.at`, place["at"], 0, room - 1)
    const bytes = reader.integer(`${path}.swap.bytes`, place["bytes"], 1, maxPartBytes)
    swap = { at, bytes }
    if (at + 2 * bytes > room) reader.fault(`${path}.swap`, "reaches beyond the part")
  }
  if (part["total"] !== undefined) {
    const place = reader.record(`${path}.total`, part["total"], ["at", "bytes", "encoding"])
    const at = reader.integer(`${path}.total.at`, place["at"], 0, room - 1)
    const bytes = reader.integer(`${path}.total.bytes`, place["bytes"], 1, 6)
    const given = place["encoding"]
    const encoding = reader.oneOf(`${path}.total.encoding`, given, lengthEncodings, "binary")
    total = { at, bytes, encoding }
    if (at + bytes > room) reader.fault(`${path}.total`, "reaches beyond the part")
  }
  return { swap, total }
}

function readKeepAlive(
  reader: DescriptionReader,
  source: unknown,
  boundary: FramingDescription["boundary"]
): KeepAliveDescription {
  const keepAlive = reader.record("keepAlive", source, ["reply", "max", "marker"])
  const reply = reader.oneOf("keepAlive.reply", keepAlive["reply"], ["echo", "none"] as const)
  const max = reader.integer("keepAlive.max", keepAlive["max"], 1, 1_000_000)
  if (keepAlive["marker"] === undefined) return { reply, max, marker: undefined }
  const path = "keepAlive.marker"
  const marker = reader.record(path, keepAlive["marker"], ["at", "mask", "value"])
  if (boundary._tag === "terminator") reader.fault(path, "needs a length")
  const prefix = boundary._tag === "length"
    ? boundary.length.before.length + boundary.length.bytes + boundary.length.after.length
    : 1
  const at = reader.integer(`${path}.at`, marker["at"], 0, prefix - 1)
  const mask = reader.hex(`${path}.mask`, marker["mask"], 1, 1)?.[0] ??
    reader.missing(`${path}.mask`)
  const value = reader.hex(`${path}.value`, marker["value"], 1, 1)?.[0] ??
    reader.missing(`${path}.value`)
  if (mask === 0) reader.fault(`${path}.mask`, "looks at no bit: every frame would be one")
  else if ((value & mask) !== value) reader.fault(`${path}.value`, "has bits outside the mask")
  else if (boundary._tag === "length" && isMarkedByUs(boundary.length, { at, mask, value })) {
    reader.fault(`${path}.value`, "is what our own messages have there")
  }
  return { reply, max, marker: { at, mask, value } }
}

function isMarkedByUs({ after, before, bytes }: LengthDescription, marker: MarkerDescription) {
  const { at, mask, value } = marker
  const ours = at < before.length ? before[at] : after[at - before.length - bytes]
  return ours !== undefined && (ours & mask) === value
}
