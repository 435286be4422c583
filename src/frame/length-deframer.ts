/**
 * Frames with a length ahead of them. What must hold: the length alone decides whether a frame is
 * refused, before anything is kept for it; frames that lie whole in a chunk are views of it, others
 * are copied once; the same bytes give the same frames however they are split.
 *
 *   | before | length | after | header | body | trailer |
 *   └────── prefix ───────────┘└─── content ──┘
 *
 * Where the framing finds its way back (`resync`), what is no frame is skipped up to the next
 * `before`, and shows as one frame without a body ahead of the next good one.
 */

import type { FramingDescription, LengthDescription } from "./description.ts"
import type { Deframer, FrameFailure, FrameSink } from "./framing.ts"
import { emptyHeader, type HeaderShape } from "./header.ts"
import { Holding } from "./holding.ts"
import { readLength } from "./length-field.ts"

/** What all connections of one framing share. */
export class LengthShape {
  readonly description: FramingDescription
  readonly length: LengthDescription
  readonly header: HeaderShape
  /** Bytes ahead of the content. */
  readonly prefixBytes: number
  /** What the length field says beyond the content. */
  readonly overhead: number

  constructor(description: FramingDescription, length: LengthDescription, header: HeaderShape) {
    this.description = description
    this.length = length
    this.header = header
    this.prefixBytes = length.before.length + length.bytes + length.after.length
    this.overhead = (length.inclusive ? length.bytes : 0) +
      (length.countsTrailer ? description.trailer.length : 0)
  }
}

export class LengthDeframer implements Deframer {
  readonly #shape: LengthShape
  readonly #maxFrameBytes: number
  #holding: Holding | undefined
  #keepAlives = 0
  /** Bytes that were no frame since the last one that was. */
  #skipped = 0
  #failure: FrameFailure | undefined

  constructor(shape: LengthShape, maxFrameBytes: number) {
    this.#shape = shape
    this.#maxFrameBytes = maxFrameBytes
  }

  pendingBytes(): number {
    return this.#holding?.length ?? 0
  }

  push(chunk: Buffer, sink: FrameSink): FrameFailure | undefined {
    if (this.#failure === undefined) {
      const whole = this.#shape.description.resync ? this.#joined(chunk) : chunk
      const at = this.#holding === undefined ? 0 : this.#complete(whole, sink)
      if (at < whole.length) this.#whole(whole, at, sink)
    }
    return this.#failure
  }

  /** A prefix that is cut in two is looked at as one piece, since it may be none. */
  #joined(chunk: Buffer): Buffer {
    const held = this.#holding
    if (held === undefined || held.length >= this.#shape.prefixBytes) return chunk
    this.#holding = undefined
    return Buffer.concat([held.take(), chunk])
  }

  /** Hands out the frames that lie whole in the chunk from `start` on, and keeps the rest. */
  #whole(chunk: Buffer, start: number, sink: FrameSink): void {
    const { prefixBytes } = this.#shape
    let at = start
    while (this.#failure === undefined && chunk.length - at >= prefixBytes) {
      const total = this.#total(chunk, at)
      if (total < 0) {
        at = this.#skip(chunk, at, at + 1)
        continue
      }
      if (chunk.length - at < total) return this.#hold(chunk, at, total)
      this.#deliver(chunk, at, total, sink)
      at += total
    }
    if (this.#shape.description.resync) at = this.#skip(chunk, at, at)
    if (at < chunk.length && this.#failure === undefined) this.#hold(chunk, at, prefixBytes)
  }

  /** The first place from `next` on where a frame may begin; what is before it is lost. */
  #skip(chunk: Buffer, at: number, next: number): number {
    const mark = this.#shape.length.before
    let to = Math.min(next, chunk.length)
    while (to < chunk.length && !begins(chunk, to, mark)) to++
    this.#skipped += to - at
    if (this.#skipped > this.#maxFrameBytes) this.#lost("frame-length")
    return to
  }

  /** Completes the frame that is held; returns how many bytes of the chunk that took. */
  #complete(chunk: Buffer, sink: FrameSink): number {
    const holding = this.#holding as Holding
    const { prefixBytes } = this.#shape
    let at = 0
    if (holding.length < prefixBytes) {
      at = Math.min(prefixBytes - holding.length, chunk.length)
      holding.add(chunk, 0, at, prefixBytes)
      if (holding.length < prefixBytes) return at
    }
    const total = this.#total(holding.view(), 0)
    if (total < 0) return chunk.length
    const end = Math.min(at + total - holding.length, chunk.length)
    if (end > at) holding.add(chunk, at, end, total)
    if (holding.length === total) {
      this.#holding = undefined
      this.#deliver(holding.take(), 0, total, sink)
    }
    return end
  }

  #hold(chunk: Buffer, at: number, expected: number): void {
    const holding = new Holding()
    holding.add(chunk, at, chunk.length, expected)
    this.#holding = holding
  }

  /** Bytes of the whole frame whose prefix stands at `at`; -1 when the stream is lost. */
  #total(bytes: Buffer, at: number): number {
    const { description, length, overhead, prefixBytes } = this.#shape
    const lengthAt = at + length.before.length
    if (length.strict && !this.#reservedAsDeclared(bytes, at)) return this.#refuse("frame-length")
    const value = readLength(length, bytes, lengthAt)
    // A bare zero stands for nothing at all, not even a trailer; what is no number is below zero.
    const content = value === 0 ? 0 : value - overhead
    if (content < 0) return this.#refuse("frame-length")
    if (content === 0 && description.keepAlive === undefined) return this.#refuse("frame-empty")
    if (content > this.#maxFrameBytes) return this.#refuse("frame-too-long")
    if (value === 0 && overhead > 0) return prefixBytes
    return prefixBytes + content + description.trailer.length
  }

  #deliver(bytes: Buffer, at: number, total: number, sink: FrameSink): void {
    const { description, header, prefixBytes } = this.#shape
    const { keepAlive, trailer } = description
    const start = at + prefixBytes
    const end = at + total - (total > prefixBytes ? trailer.length : 0)
    for (let index = 0; end + index < at + total; index++) {
      if (bytes[end + index] === trailer[index]) continue
      this.#refuse("frame-length")
      this.#skipped += total
      return
    }
    if (this.#skipped > 0) {
      this.#skipped = 0
      sink.onFrame(emptyHeader, emptyHeader)
    }
    if (keepAlive !== undefined) {
      const marker = keepAlive.marker
      const marked = marker !== undefined && (bytes[at + marker.at]! & marker.mask) === marker.value
      if (end === start || marked) return this.#keepAlive(bytes.subarray(at, at + total), sink)
    }
    this.#keepAlives = 0
    const headerBytes = header.measure(bytes, start, end)
    sink.onFrame(
      headerBytes === 0 ? emptyHeader : bytes.subarray(start, start + headerBytes),
      bytes.subarray(start + headerBytes, end)
    )
  }

  #keepAlive(frame: Buffer, sink: FrameSink): void {
    const { keepAlive } = this.#shape.description
    if (keepAlive === undefined) return
    this.#keepAlives++
    if (this.#keepAlives > keepAlive.max) return void this.#lost("frame-empty")
    sink.onKeepAlive(keepAlive.reply === "echo" ? frame : undefined)
  }

  #reservedAsDeclared(bytes: Buffer, at: number): boolean {
    const { after, before } = this.#shape.length
    const behind = at + before.length + this.#shape.length.bytes
    return before.equals(bytes.subarray(at, at + before.length)) &&
      after.equals(bytes.subarray(behind, behind + after.length))
  }

  /** No frame: the end of the stream, unless the framing finds its way back. */
  #refuse(failure: FrameFailure): -1 {
    return this.#shape.description.resync ? -1 : this.#lost(failure)
  }

  #lost(failure: FrameFailure): -1 {
    this.#failure = failure
    this.#holding = undefined
    return -1
  }
}

/** Does `mark`, as far as the bytes go, stand at `at`? */
function begins(bytes: Buffer, at: number, mark: Buffer): boolean {
  for (let index = 0; index < mark.length && at + index < bytes.length; index++) {
    if (bytes[at + index] !== mark[index]) return false
  }
  return true
}
