/**
 * The MAC of a link whose dialect declares one and whose configuration names a key: made over what
 * is sent, checked on what is answered. Both may take a turn (a worker, an HSM), so both call back.
 */

import type { KeyHandle } from "../domain/brand.ts"
import type { CodecShape } from "../domain/ports/codec.ts"
import type { Dialect, Message } from "../iso8583/message.ts"

export interface Seal {
  /** Fills the MAC at the end of `body`; undefined when it could not be made. */
  readonly seal: (body: Buffer, done: (body: Uint8Array | undefined) => void) => void
  readonly verify: (message: Message, done: (right: boolean) => void) => void
}

export function makeSeal(codec: CodecShape, dialect: Dialect, key: KeyHandle): Seal {
  const lane = codec.lane()
  return {
    seal: (body, done) => codec.seal(lane, dialect, body, key, done),
    verify: (message, done) =>
      codec.verify(lane, message, key, (verdict) => done(verdict === "right"))
  }
}
