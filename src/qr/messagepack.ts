/**
 * MessagePack to values and back, for frames from outside. Must hold: nothing is decoded that the
 * scan did not find sound; maps become `Map`, so that no key can reach a prototype; a key that is
 * there twice is refused, because two readers could see two different values.
 */

import { Packr, Unpackr } from "msgpackr"
import type { MessagePackFault, MessagePackLimits } from "./messagepack-scan.ts"
import { scanMessagePack } from "./messagepack-scan.ts"

export type MessagePackValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | ReadonlyArray<MessagePackValue>
  | MessagePackMap

export type MessagePackMap = ReadonlyMap<string, MessagePackValue>

type MessagePackResult =
  | { readonly _tag: "value"; readonly value: MessagePackValue }
  | {
    readonly _tag: "refused"
    readonly fault: MessagePackFault | "key-twice"
    /** Bytes from the start; the end of the value where the fault has no single place. */
    readonly offset: number
  }

const unpackr = new Unpackr({
  useRecords: false,
  mapsAsObjects: false,
  int64AsType: "number",
  // Frames lie in buffers that are used again.
  copyBuffers: true
})

const packr = new Packr({ useRecords: false, mapsAsObjects: false })

/** One value and nothing after it; refused by name where it breaks a limit or the format. */
export function decodeMessagePack(
  bytes: Uint8Array,
  limits: MessagePackLimits
): MessagePackResult {
  const scan = scanMessagePack(bytes, limits)
  if (scan._tag === "refused") return scan
  // The unpacker is typed `any`; the scan has proven that only these kinds can come out.
  const value = unpackr.unpack(bytes) as MessagePackValue
  if (countPairs(value) !== scan.pairs) {
    return { _tag: "refused", fault: "key-twice", offset: bytes.length }
  }
  return { _tag: "value", value }
}

/** For frames that we send: plain objects or maps with text keys. */
export function encodeMessagePack(
  value: MessagePackValue | Readonly<Record<string, MessagePackValue>>
): Uint8Array {
  return packr.pack(whole(value))
}

/** Integers stay integers: those above 32 bits the packer would write as floating-point numbers. */
function whole(value: unknown): unknown {
  if (typeof value === "number") {
    const wide = value > 0xffff_ffff || value < -0x8000_0000
    return wide && Number.isSafeInteger(value) ? BigInt(value) : value
  }
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(whole)
  const pairs: Iterable<readonly [unknown, unknown]> = value instanceof Map
    ? value
    : Object.entries(value)
  return new Map(Array.from(pairs, ([key, each]) => [key, whole(each)]))
}

/** Pairs of all maps in the value; its depth is bounded by the scan. */
function countPairs(value: MessagePackValue): number {
  if (value instanceof Map) {
    let pairs = value.size
    for (const each of value.values()) pairs += countPairs(each)
    return pairs
  }
  if (!Array.isArray(value)) return 0
  let pairs = 0
  for (const each of value) pairs += countPairs(each)
  return pairs
}
