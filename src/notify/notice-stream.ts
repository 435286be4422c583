/**
 * The notification stream (port 8586): notices as MessagePack maps on a connection that stays, for
 * aggregators that send many. Each is signed like its webhook; the stream itself is trusted with
 * nothing. What must hold: every notice is answered once, in the order of its end, also when its
 * sender says no more; a frame that cannot be read ends the connection, because nobody knows where
 * the next one begins.
 *
 *     | length 4, big-endian | map { n, account, headers { name: value }, body (bytes) } |
 *     | length 4, big-endian | map { n, end: "accepted" | "refused" | "later", why }     |
 */

import type { Timer } from "../actor/timer-wheel.ts"
import type { TimersShape } from "../actor/timers.ts"
import type { TurnFlush, TurnWriter } from "../actor/turn-writer.ts"
import type { ListenerConfig } from "../domain/config.ts"
import type { EndReason } from "../domain/end-reasons.ts"
import type { Connection, ConnectionHandler } from "../domain/ports/transport.ts"
import { frameLimits } from "../qr/messagepack-scan.ts"
import { decodeMessagePack, encodeMessagePack, type MessagePackMap } from "../qr/messagepack.ts"
import type { Intake, NoticeEnd } from "./intake.ts"

const lengthBytes = 4

/** Notices of one stream that may wait for their end; above it the stream is not read. */
export const streamWindow = 256

export interface StreamHouse {
  readonly config: ListenerConfig
  readonly intake: Intake
  readonly timers: TimersShape
  readonly flush: TurnFlush
  readonly wallMs: () => number
  readonly ended: (reason: EndReason, stream: NoticeStream) => void
}

interface Notice {
  readonly number: number
  readonly account: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
}

export class NoticeStream implements ConnectionHandler {
  readonly #house: StreamHouse
  readonly #connection: Connection
  readonly #writer: TurnWriter
  #rest: Buffer | undefined
  #open = 0
  #timer: Timer
  #reason: EndReason | undefined
  /** The other side sends nothing more: this will be the reason when all is said. */
  #finishing: EndReason | undefined
  #draining = false

  constructor(house: StreamHouse, connection: Connection) {
    this.#house = house
    this.#connection = connection
    this.#writer = house.flush.writer(connection, house.config.maxPendingBytes, {
      onSlow: () => this.#end("slow-reader")
    })
    this.#timer = this.#deadline(house.config.firstMessageMs, "first-message-late")
  }

  onData(chunk: Buffer): void {
    let bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let begun = this.#rest === undefined
    while (this.#reason === undefined && bytes.length >= lengthBytes) {
      const length = bytes.readUInt32BE(0)
      if (length === 0) return this.#end("frame-empty")
      if (length > Math.min(this.#house.config.maxFrameBytes, frameLimits.maxBytes)) {
        return this.#end("frame-too-long")
      }
      if (bytes.length < lengthBytes + length) break
      this.#take(bytes.subarray(lengthBytes, lengthBytes + length))
      bytes = bytes.subarray(lengthBytes + length)
      begun = true
    }
    if (this.#reason !== undefined) return
    this.#rest = bytes.length === 0 ? undefined : bytes
    this.#watch(begun)
  }

  /** A frame that has begun must be completed in its time, however slowly its bytes trickle in. */
  #watch(begun: boolean): void {
    const { frameMs, idleMs } = this.#house.config
    if (this.#rest === undefined) this.#timer = this.#deadline(idleMs, "idle")
    else if (begun) this.#timer = this.#deadline(frameMs, "frame-incomplete")
  }

  #deadline(delayMs: number, reason: EndReason): Timer {
    this.#timer?.cancel()
    return this.#house.timers.after(delayMs, () => {
      // A stream that waits for us is not idle, and one that we do not read cannot go on.
      const waits = reason === "idle" ? this.#open > 0 : this.#open >= streamWindow
      if (waits) this.#timer = this.#deadline(delayMs, reason)
      else this.#end(reason)
    })
  }

  #take(frame: Buffer): void {
    const decoded = decodeMessagePack(frame, frameLimits)
    const notice = decoded._tag === "value" && decoded.value instanceof Map
      ? noticeOf(decoded.value)
      : undefined
    if (notice === undefined) return this.#end("messages-bad-repeated")
    if (++this.#open >= streamWindow) this.#connection.pause()
    const { intake, wallMs } = this.#house
    intake.take({
      account: notice.account,
      headers: notice.headers,
      body: notice.body,
      nowMs: wallMs()
    }, (end) => this.#answer(notice.number, end))
  }

  #answer(number: number, end: NoticeEnd): void {
    if (--this.#open === streamWindow - 1 && !this.#draining) this.#connection.resume()
    if (this.#reason !== undefined) return
    const why = end._tag === "accepted" ? end.what : end._tag === "refused" ? "refused" : "busy"
    const map = encodeMessagePack({ n: number, end: end._tag, why })
    const frame = Buffer.allocUnsafe(lengthBytes + map.length)
    frame.writeUInt32BE(map.length, 0)
    frame.set(map, lengthBytes)
    this.#writer.send(frame)
    if (this.#finishing !== undefined) this.#finish()
  }

  /** Takes nothing more; what was taken is still answered. */
  drain(): void {
    this.#draining = true
    this.#connection.pause()
  }

  /** The end of the switch: a wallet that stays connected must not keep it from ending. */
  leave(): void {
    if (!this.#over("draining")) return
    this.#connection.leave()
  }

  #end(reason: EndReason): void {
    if (!this.#over(reason)) return
    this.#connection.destroy()
  }

  /** False when it was over before. */
  #over(reason: EndReason): boolean {
    if (this.#reason !== undefined) return false
    this.#reason = reason
    this.#timer.cancel()
    this.#house.ended(reason, this)
    this.#writer.flush()
    return true
  }

  onDrain(): void {
    this.#writer.drained()
  }

  /** What was taken is still answered, for as long as the other side may be idle. */
  onEnd(): void {
    if (this.#reason !== undefined) return
    const finishing = this.#rest === undefined ? "peer-closed" : "frame-incomplete"
    this.#finishing = finishing
    this.#timer.cancel()
    this.#timer = this.#house.timers.after(this.#house.config.idleMs, () => this.#end(finishing))
    this.#finish()
  }

  #finish(): void {
    if (this.#open > 0) return
    this.#writer.flush()
    this.#connection.end()
  }

  onClose(how: "ended" | "reset" | "failed"): void {
    this.#writer.close()
    this.#timer.cancel()
    if (this.#reason !== undefined) return
    this.#reason = this.#finishing ?? (how === "ended" ? "peer-closed" : "peer-reset")
    this.#house.ended(this.#reason, this)
  }
}

/** Undefined when a part is missing or of another type. */
function noticeOf(map: MessagePackMap): Notice | undefined {
  const number = map.get("n")
  const account = map.get("account")
  const given = map.get("headers")
  const body = map.get("body")
  if (typeof number !== "number" || typeof account !== "string") return undefined
  if (!(given instanceof Map) || !(body instanceof Uint8Array)) return undefined
  const headers = new Map<string, string>()
  for (const [name, value] of given) {
    if (typeof value !== "string") return undefined
    headers.set(name.toLowerCase(), value)
  }
  return { number, account, headers, body }
}
