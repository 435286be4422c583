/**
 * The codec station: frames in, messages with their MAC verdict out; answers in, sealed answers
 * out. A worker pool in production, in place in the seeded world and for tiny batches.
 */

import { Context } from "effect"
import type { CodecFault } from "../../iso8583/fault.ts"
import type { Dialect, Message } from "../../iso8583/message.ts"
import type { KeyHandle } from "../brand.ts"
import type { FailureCode } from "../failures.ts"
import type { NotificationRecord, UnhandledNotice } from "../order.ts"

/** Keeps the order of one session: results come back as their frames went in. */
export interface CodecLane {
  readonly id: number
  /** Jobs under way; a lane with any never takes the shortcut. */
  readonly pending: () => number
  /** Later results are dropped: the session is gone. */
  readonly close: () => void
}

/** `unchecked`: no key was given, or the MAC could not be made with it. */
export type MacVerdict = "right" | "wrong" | "absent" | "unchecked"

/** What the record of a request keeps of its content, made where the message was decoded. */
export interface AtRest {
  readonly fingerprint: string
  /** Card number, expiry and card sequence under the vault's key. */
  readonly sealed: Uint8Array
}

export type Decoded =
  | {
    readonly _tag: "message"
    readonly message: Message
    readonly mac: MacVerdict
    /** Of requests; absent where the thread that decoded has no vault. */
    readonly atRest?: AtRest | undefined
  }
  | { readonly _tag: "fault"; readonly fault: CodecFault }
  | { readonly _tag: "failed"; readonly failure: FailureCode }

/** A notification as it came, with what its verification needs. */
export interface NotificationJob {
  /** Names the configured account whose keys apply. */
  readonly account: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
  readonly nowMs: number
}

export type NotificationVerdict =
  | { readonly _tag: "genuine"; readonly notification: NotificationRecord }
  /** Genuine, and of nothing that we book: a human must know of it. */
  | { readonly _tag: "unhandled"; readonly notice: UnhandledNotice }
  /** Genuine, and known to change nothing: a payer has not paid yet. */
  | { readonly _tag: "idle" }
  | { readonly _tag: "refused"; readonly failure: FailureCode; readonly detail: string }

export interface CodecShape {
  readonly lane: () => CodecLane
  /**
   * Takes ownership of `body` (MTI to last byte). With a key the MAC is verified; without one the
   * verdict is `unchecked` or `absent`. False: the pool is full, stop reading and try again.
   */
  readonly decode: (
    lane: CodecLane,
    dialect: Dialect,
    body: Uint8Array,
    key: KeyHandle | undefined,
    done: (result: Decoded) => void
  ) => boolean
  /** Verifies the MAC of a message that was decoded before its sender was known. */
  readonly verify: (
    lane: CodecLane,
    message: Message,
    key: KeyHandle,
    done: (verdict: MacVerdict) => void
  ) => void
  /** Writes the MAC into its place at the end of `body`; undefined when it could not be made. */
  readonly seal: (
    lane: CodecLane,
    dialect: Dialect,
    body: Uint8Array,
    key: KeyHandle,
    done: (body: Uint8Array | undefined) => void
  ) => void
  readonly verifyNotification: (
    job: NotificationJob,
    done: (verdict: NotificationVerdict) => void
  ) => void
  /** True while new frames should wait: sessions pause their sockets until `onRelief`. */
  readonly congested: () => boolean
  readonly onRelief: (listener: () => void) => void
}

export class Codec extends Context.Service<Codec, CodecShape>()("pointsman/domain/ports/Codec") {}
