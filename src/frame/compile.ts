/**
 * From a framing description to a framing. What must hold: what `encode` makes, the same framing's
 * deframer gives back as it was; a body that it cannot carry is refused, never cut.
 */

import { copyRun } from "../domain/byte-run.ts"
import type { SourceFault } from "../domain/source-fault.ts"
import { type FramingDescription, readDescription } from "./description.ts"
import type { Framing } from "./framing.ts"
import { HeaderShape } from "./header.ts"
import { LengthDeframer, LengthShape } from "./length-deframer.ts"
import { largestLength, writeLength } from "./length-field.ts"
import { TerminatorDeframer } from "./terminator-deframer.ts"

/** Compiles a description as a file gives it (plain data), or says everything wrong with it. */
export function compileFraming(source: unknown): Framing | ReadonlyArray<SourceFault> {
  const description = readDescription(source)
  if (!("boundary" in description)) return description
  const header = new HeaderShape(description.header)
  const { boundary } = description
  return boundary._tag === "length"
    ? lengthFraming(new LengthShape(description, boundary.length, header))
    : terminatorFraming(description, boundary.byte, header)
}

function lengthFraming(shape: LengthShape): Framing {
  const { description, header, length, overhead, prefixBytes } = shape
  const { trailer } = description
  const largest = largestLength(length)
  const prefix = Buffer.concat([length.before, Buffer.alloc(length.bytes), length.after])
  return {
    name: description.name,
    deframer: (maxFrameBytes) => new LengthDeframer(shape, maxFrameBytes),
    replyHeader: (bytes) => header.reply(bytes),
    requestHeader: () => header.fresh,
    encode: (head, body) => {
      const content = head.length + body.length
      // Nothing at all is a keep-alive, or no frame.
      if (content === 0 || content + overhead > largest) return undefined
      const frame = Buffer.allocUnsafe(prefixBytes + content + trailer.length)
      copyRun(prefix, 0, prefixBytes, frame, 0)
      writeLength(length, content + overhead, frame, length.before.length)
      copyRun(head, 0, head.length, frame, prefixBytes)
      const bodyAt = prefixBytes + head.length
      if (!header.stamp(frame, prefixBytes, bodyAt, content)) return undefined
      copyRun(body, 0, body.length, frame, bodyAt)
      copyRun(trailer, 0, trailer.length, frame, bodyAt + body.length)
      return frame
    }
  }
}

function terminatorFraming(
  description: FramingDescription,
  terminator: number,
  header: HeaderShape
): Framing {
  return {
    name: description.name,
    deframer: (maxFrameBytes) =>
      new TerminatorDeframer(description, terminator, header, maxFrameBytes),
    replyHeader: (bytes) => header.reply(bytes),
    requestHeader: () => header.fresh,
    encode: (head, body) => {
      if (head.length + body.length === 0) return undefined
      const frame = Buffer.allocUnsafe(head.length + body.length + 1)
      frame.set(head)
      if (!header.stamp(frame, 0, head.length, head.length + body.length)) return undefined
      frame.set(body, head.length)
      const end = frame.length - 1
      frame[end] = terminator
      return frame.indexOf(terminator) === end ? frame : undefined
    }
  }
}
