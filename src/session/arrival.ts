/** One frame on its way through a session, from its last byte to its answer. */

import type { KeyHandle } from "../domain/brand.ts"
import type { Kind } from "../domain/kind.ts"
import type { AtRest, Decoded } from "../domain/ports/codec.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import type { Message } from "../iso8583/message.ts"

export class Arrival {
  /** Header of the frame that came; the reply's is made from it. */
  readonly header: Uint8Array
  readonly body: Uint8Array
  /** Monotonic time of its last byte. */
  readonly atMs: number
  result: Decoded | undefined
  atRest: AtRest | undefined
  /** The key under which the MAC was checked last. */
  key: KeyHandle | undefined
  /** The base key that `key` was derived from, for this message alone; undefined: a working key. */
  baseKey: string | undefined
  /** The codec was asked to check the MAC once its sender was known. */
  asked = false
  /** Its DUKPT counter is used by it, and by nothing else. */
  believed = false
  /** The old key has been tried as well. */
  triedPrevious = false

  constructor(header: Uint8Array, body: Uint8Array, atMs: number) {
    this.header = header
    this.body = body
    this.atMs = atMs
  }

  /** Its answer has left, or there is none: nothing of it stays in memory (I6). */
  wipe(): void {
    this.body.fill(0)
  }
}

/** A message whose sender is registered, and whose kind is known. */
export interface Spoken {
  readonly arrival: Arrival
  readonly message: Message
  readonly profile: TerminalProfile
  readonly kind: Kind
}
