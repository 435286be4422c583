/**
 * BER-TLV as consumer codes use it (ISO/IEC 8825-1, definite lengths; EMV book 3 annex B).
 *
 *     +----------------+-----------------+------------------+
 *     | tag            | length          | value            |
 *     +----------------+-----------------+------------------+
 *      1 or 2 bytes      0-7F, or 81 xx,   objects, where bit 6 of
 *      (xxx11111 yy)     or 82 xx xx       the tag's first byte is set
 *
 * Must hold: depth and number of objects are bounded; no length reaches beyond its container.
 */

import { type CodeFault, codeFault } from "./code-fault.ts"

export interface TlvObject {
  /** Upper-case hex: `61`, `9F26`. */
  readonly tag: string
  readonly value: Uint8Array
  /** Present where the tag is constructed. */
  readonly children?: ReadonlyArray<TlvObject>
}

const maxTlvDepth = 4
const maxTlvObjects = 64

/** An object as it stood among bytes. */
export interface ReadTlv extends TlvObject {
  /** Bytes before its tag, and before what follows it. */
  readonly at: number
  readonly end: number
  readonly children?: ReadonlyArray<ReadTlv>
  /** Behind its last child stands something that is none. */
  readonly cut?: true
}

/** What could be read, and why not more; what follows a template is read whatever is in it. */
interface TlvRead {
  readonly objects: ReadonlyArray<ReadTlv>
  readonly faults: ReadonlyArray<CodeFault>
  readonly whole: boolean
}

export function readTlv(bytes: Uint8Array): TlvRead {
  return readLevel(bytes, 0, "", 0, { objects: 0 })
}

function readLevel(
  bytes: Uint8Array,
  start: number,
  above: string,
  depth: number,
  count: { objects: number }
): TlvRead {
  const objects: Array<ReadTlv> = []
  const faults: Array<CodeFault> = []
  const ended = (path: string, offset: number, expected: string): TlvRead => {
    faults.push(codeFault(path, start + offset, expected))
    return { objects, faults, whole: false }
  }
  if (depth >= maxTlvDepth) return ended(above, 0, `at most ${maxTlvDepth} levels`)
  let at = 0
  while (at < bytes.length) {
    if (++count.objects > maxTlvObjects) {
      return ended(above, at, `at most ${maxTlvObjects} objects`)
    }
    const tagBytes = (bytes[at]! & 0x1f) === 0x1f ? 2 : 1
    if (at + tagBytes >= bytes.length) return ended(above, at, "a tag and a length")
    if (tagBytes === 2 && bytes[at + 1]! >= 0x80) {
      return ended(above, at, "a tag of one or two bytes")
    }
    const tag = Buffer.from(bytes.subarray(at, at + tagBytes)).toString("hex").toUpperCase()
    const path = above === "" ? tag : `${above}.${tag}`
    const length = readLength(bytes, at + tagBytes)
    if (length === undefined) return ended(path, at + tagBytes, "a definite length below 65536")
    const from = at + tagBytes + length.width
    const to = from + length.value
    if (to > bytes.length) return ended(path, from, `${length.value} bytes`)
    const value = bytes.subarray(from, to)
    const object = { tag, value, at: start + at, end: start + to }
    if ((bytes[at]! & 0x20) === 0) {
      objects.push(object)
    } else {
      const level = readLevel(value, start + from, path, depth + 1, count)
      faults.push(...level.faults)
      objects.push({ ...object, children: level.objects, ...(level.whole ? {} : { cut: true }) })
    }
    at = to
  }
  return { objects, faults, whole: true }
}

function readLength(
  bytes: Uint8Array,
  at: number
): { readonly value: number; readonly width: number } | undefined {
  const first = bytes[at]!
  if (first < 0x80) return { value: first, width: 1 }
  if (first === 0x81 && at + 1 < bytes.length) return { value: bytes[at + 1]!, width: 2 }
  if (first === 0x82 && at + 2 < bytes.length) {
    return { value: (bytes[at + 1]! << 8) | bytes[at + 2]!, width: 3 }
  }
  return undefined
}

/**
 * Children, where there are any, are written instead of `value`; lengths in their shortest form.
 */
export function writeTlv(objects: ReadonlyArray<TlvObject>): Buffer {
  return Buffer.concat(objects.flatMap(({ children, tag, value }) => {
    const inside = children === undefined ? value : writeTlv(children)
    const length = inside.length < 0x80
      ? [inside.length]
      : inside.length < 0x100
      ? [0x81, inside.length]
      : [0x82, inside.length >> 8, inside.length & 0xff]
    return [Buffer.from(tag, "hex"), Buffer.from(length), inside]
  }))
}
