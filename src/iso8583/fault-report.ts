/**
 * Turns the indexer's numbers into words. Must hold: an excerpt never shows more than a length
 * prefix or one byte, and nothing at all of a field that has a mask, so that a message that is out
 * of step cannot spill a card number into a log.
 */

import { hex } from "./character-set.ts"
import type { CodecFailure, CodecFault } from "./fault.ts"
import { bytesOf } from "./field-size.ts"
import { contentOf } from "./field-writer.ts"
import type { FieldShape } from "./field.ts"
import { faultAt, faultCode } from "./indexer.ts"
import type { Layout } from "./layout.ts"

const failures: Readonly<Record<number, CodecFailure>> = {
  [faultCode.mtiUnknown]: "mti-unknown",
  [faultCode.fieldUnknown]: "field-unknown",
  [faultCode.missing]: "field-missing"
}

/** `out` as the indexer left it; `start` as it was given. */
export function faultFrom(
  layout: Layout,
  bytes: Uint8Array,
  start: number,
  out: Int32Array
): CodecFault {
  const [code = 0, field = 0, offset = 0, from = 0, to = 0] = out.subarray(faultAt)
  const shape = layout.entries[field]?.shape
  const failure = failures[code] ?? "message-format"
  if (code === faultCode.structure && shape?.composite !== undefined) {
    const inner = shape.composite.explain(bytes, from, to)
    if (inner !== undefined) {
      return {
        failure,
        path: inner.id === "" ? String(field) : `${field}.${inner.id}`,
        offset: inner.offset - start,
        expected: inner.expected,
        excerpt: shape.mask === "none" ? excerpt(bytes, inner.offset, 1) : "**"
      }
    }
  }
  return {
    failure,
    path: pathOf(code, field),
    offset,
    expected: expectedAt(code, field, shape),
    excerpt: excerptOf(code, shape, bytes, start + offset)
  }
}

function pathOf(code: number, field: number): string {
  if (code === faultCode.mtiForm || code === faultCode.mtiUnknown) return "mti"
  if (code === faultCode.short) return field === 0 ? "mti" : "bitmap"
  if (code === faultCode.bitmapForm) return "bitmap"
  return code === faultCode.trailing ? "end" : String(field)
}

function expectedAt(code: number, field: number, shape: FieldShape | undefined): string {
  switch (code) {
    case faultCode.short:
      return field === 0 ? "a message type and a bitmap" : "a further bitmap"
    case faultCode.mtiForm:
      return "4 digits of message type"
    case faultCode.mtiUnknown:
      return "a message type of the dialect"
    case faultCode.bitmapForm:
      return "16 hex characters, all capitals or all small"
    case faultCode.fieldUnknown:
      return "no such field: the dialect lacks it"
    case faultCode.prefixCut:
    case faultCode.prefixForm:
      return `a length of ${shape?.prefix?.width} ${shape?.prefix?.encoding} digits`
    case faultCode.lengthRange:
      return `a length of ${shape?.min} to ${shape?.max}`
    case faultCode.valueCut:
      return shape === undefined || shape.fixed < 0
        ? "as many bytes as its length says"
        : `${bytesOf(shape, shape.fixed)} bytes`
    case faultCode.content:
      return shape === undefined ? "a value" : contentOf(shape)
    case faultCode.structure:
      return "a value that follows its layout"
    case faultCode.trailing:
      return "the end of the message"
    case faultCode.missing:
      return `${shape?.name ?? `field ${field}`}, which this message type must carry`
    case faultCode.forbidden:
      return "its absence from this message type"
    default:
      return "one of the values this message type allows"
  }
}

function excerptOf(
  code: number,
  shape: FieldShape | undefined,
  bytes: Uint8Array,
  at: number
): string {
  switch (code) {
    case faultCode.mtiForm:
    case faultCode.mtiUnknown:
      return excerpt(bytes, at, 4)
    case faultCode.prefixForm:
    case faultCode.lengthRange:
    case faultCode.valueCut:
      return excerpt(bytes, at, shape?.prefix?.bytes ?? 0)
    case faultCode.bitmapForm:
      return excerpt(bytes, at, 1)
    case faultCode.content:
      return shape?.mask === "none" ? excerpt(bytes, at, 1) : "**"
    default:
      return ""
  }
}

function excerpt(bytes: Uint8Array, at: number, size: number): string {
  return at >= bytes.length ? "" : hex(bytes, at, Math.min(bytes.length, at + Math.min(size, 4)))
}
