/**
 * Frames that end with a byte of their own. What must hold: every byte is looked at once; a frame
 * that never ends is refused as soon as it is too long.
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
    return this.#holding?.length ?? 0
  }

  push(chunk: Buffer, sink: FrameSink): FrameFailure | undefined {
    let at = 0
    while (this.#failure === undefined && at < chunk.length) {
      const end = chunk.indexOf(this.#terminator, at)
      const pending = this.pendingBytes()
      const content = pending + (end === -1 ? chunk.length : end) - at
      if (content > this.#maxFrameBytes) {
        this.#failure = "frame-too-long"
      } else if (end === -1) {
        this.#holding ??= new Holding()
        this.#holding.add(chunk, at, chunk.length, 0)
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
