/**
 * Frames: what separates one message from the next on a byte stream. A framing is data, compiled
 * once; a deframer is its state for one connection. Any split of the stream gives the same frames.
 */

/** Names of the shared failure table that a framing may give. */
export type FrameFailure = "frame-too-long" | "frame-empty" | "frame-length"

/** One whole frame. Both are views of memory that the receiver may keep. */
export interface Frame {
  /** What stands between length and body: TPDU, message header; empty where there is none. */
  readonly header: Uint8Array
  /** MTI to last byte. */
  readonly body: Uint8Array
}

export interface FrameSink {
  readonly onFrame: (header: Uint8Array, body: Uint8Array) => void
  /** A zero-length frame where the framing has keep-alives: answer with these bytes, if any. */
  readonly onKeepAlive: (reply: Uint8Array | undefined) => void
}

export interface Deframer {
  /**
   * Takes the next bytes and hands out every frame they complete, in order. Returns a failure when
   * the stream cannot be followed any further: the connection must end.
   */
  readonly push: (chunk: Buffer, sink: FrameSink) => FrameFailure | undefined
  /** Bytes of an unfinished frame: above zero, the frame deadline runs. */
  readonly pendingBytes: () => number
}

/** A compiled framing description. */
export interface Framing {
  readonly name: string
  /**
   * Fresh state for one connection. Frames whose header and body together are above `maxFrameBytes`
   * are `frame-too-long`.
   */
  readonly deframer: (maxFrameBytes: number) => Deframer
  /**
   * A whole frame around a body. `header` as `replyHeader` or `requestHeader` made it. Undefined
   * when the framing cannot carry the body: nothing at all, longer than its length field can say,
   * or with the byte inside that ends a frame.
   */
  readonly encode: (header: Uint8Array, body: Uint8Array) => Buffer | undefined
  /** The header of a reply to a frame with this header: TPDU addresses swapped where declared. */
  readonly replyHeader: (header: Uint8Array) => Uint8Array
  /** The header of a message that nobody asked for, or of a request of ours. */
  readonly requestHeader: () => Uint8Array
}
