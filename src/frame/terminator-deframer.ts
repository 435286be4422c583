/**
 * Frames that end with a byte of their own. What must hold: every byte is looked at once; a frame
 * that never ends is refused as soon as it is too long. Where the framing finds its way back
 * (`resync`), one that ends before it is twice too long shows as a frame without a body instead.
 *
 *   | header | body | 03 | header | body | 03 | …
 */

import type { FramingDescription } from "./description.ts"
import type { Deframer, FrameFailure, FrameSink } from "./framing.ts"
import { emptyHeader, type HeaderShape } from "./header.ts"
import { Holding } from "./holding.ts"

export class TerminatorDeframer implements Deframer {
  readonly #description: FramingDescription
  readonly #terminator: number
  readonly #header: HeaderShape
  readonly #maxFrameBytes: number
  #holding: Holding | undefined
  #keepAlives = 0
  /** Bytes of a frame that is too long, and skipped. */
  #skipped = 0
  #failure: FrameFailure | undefined

  constructor(
    description: FramingDescription,
    terminator: number,
    header: HeaderShape,
    maxFrameBytes: number
  ) {
    this.#description = description
    this.#terminator = terminator
    this.#header = header
    this.#maxFrameBytes = maxFrameBytes
  }

  pendingBytes(): number {
    return this.#holding?.length ?? this.#skipped
  }

  push(chunk: Buffer, sink: FrameSink): FrameFailure | undefined {
    let at = 0
    while (this.#failure === undefined && at < chunk.length) {
      const end = chunk.indexOf(this.#terminator, at)
      const pending = this.pendingBytes()
      const content = pending + (end === -1 ? chunk.length : end) - at
      if (content > this.#maxFrameBytes) {
        this.#holding = undefined
        if (!this.#description.resync || content > 2 * this.#maxFrameBytes) {
          this.#skipped = 0
          this.#failure = "frame-too-long"
          break
        }
        this.#skipped = end === -1 ? content : 0
        if (end === -1) break
        sink.onFrame(emptyHeader, emptyHeader)
        at = end + 1
      } else if (end === -1) {
        this.#holding ??= new Holding()
        this.#holding.add(chunk, at, chunk.length, this.#maxFrameBytes + 1)
        break
      } else {
        const holding = this.#holding
        if (holding === undefined) {
          this.#deliver(chunk.subarray(at, end + 1), sink)
        } else {
          this.#holding = undefined
          holding.add(chunk, at, end + 1, content + 1)
          this.#deliver(holding.take(), sink)
        }
        at = end + 1
      }
    }
    return this.#failure
  }

  /** One frame with its terminator. */
  #deliver(frame: Buffer, sink: FrameSink): void {
    const end = frame.length - 1
    if (end === 0) return this.#empty(frame, sink)
    this.#keepAlives = 0
    const headerBytes = this.#header.measure(frame, 0, end)
    sink.onFrame(
      headerBytes === 0 ? emptyHeader : frame.subarray(0, headerBytes),
      frame.subarray(headerBytes, end)
    )
  }

  #empty(frame: Buffer, sink: FrameSink): void {
    const { keepAlive } = this.#description
    this.#keepAlives++
    if (keepAlive === undefined || this.#keepAlives > keepAlive.max) {
      this.#failure = "frame-empty"
    } else {
      sink.onKeepAlive(keepAlive.reply === "echo" ? frame : undefined)
    }
  }
}
