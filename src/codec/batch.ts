/**
 * Batches as they travel: one flat buffer to the worker, one back, both transferred. What must
 * hold: what is written here is read here; nothing is cloned per message.
 *
 *   there   | count | item … item | bytes of all items, one after the other |      Int32 words
 *           item = | op | subject | key | start | length | cover |
 *
 *   back    decode   | 0 |                                       a fault: the reader finds it again
 *                    | 1 | verdict | count | field, start, end … | at rest |
 *                      at rest = | length | fingerprint | length | sealed |   or length 0 alone
 *           verify   | 1 | verdict |
 *           seal     | 1 | length | the MAC, padded to words |   length 0: it could not be made
 *           notice   | 1 | length | verdict as JSON, padded |
 *           any      | 2 |                                       the codec threw
 */

import type { KeyHandle } from "../domain/brand.ts"
import type { AtRest, NotificationJob } from "../domain/ports/codec.ts"
import { macPlace } from "../iso8583/mac-place.ts"
import type { Dialect } from "../iso8583/message.ts"
import type { VaultKeys } from "../security/vault.ts"
import type { Job, NoticeJob, VerifyJob } from "./job.ts"
import { coveredBy } from "./mac-check.ts"

export const ops = { decode: 1, verify: 2, seal: 3, notice: 4 } as const

export const itemWords = 6

/** Instead of a key: none was given, or the security module keeps it. */
export const noKey = -1

/** What became of an item. */
export const ends = { fault: 0, done: 1, threw: 2 } as const

/**
 * Learned by a worker before a batch (or, for `drops`, forgotten after it). Mostly there is nothing
 * to learn, and what is absent is not copied between threads.
 */
export interface Lessons {
  readonly dialects?: Array<{ readonly number: number; readonly source: unknown }>
  readonly keys?: Array<{ readonly handle: KeyHandle; readonly key: Uint8Array }>
  readonly drops?: Array<KeyHandle>
  readonly accounts?: Array<{ readonly name: string; readonly account: unknown }>
  /** Once, with the first batch, where there is one. */
  readonly vault?: VaultKeys
}

export interface BatchTask extends Lessons {
  readonly batch: ArrayBuffer
}

/** `keyOf` says the number under which the worker knows a key for a dialect's MACs, or `noKey`. */
export function writeBatch(
  jobs: ReadonlyArray<Job>,
  keyOf: (key: KeyHandle, dialect: Dialect) => number
): ArrayBuffer {
  const content = 4 * (1 + itemWords * jobs.length)
  const heads = new Map<Job, Buffer>()
  let length = content
  for (const job of jobs) {
    if (job.op === "notice") {
      const head = headOf(job.notice)
      heads.set(job, head)
      length += head.length + job.notice.body.length
    } else length += job.bytes.length
  }
  const batch = new ArrayBuffer(length)
  const words = new Int32Array(batch, 0, content / 4)
  const all = new Uint8Array(batch)
  words[0] = jobs.length
  let at = content
  let word = 1
  for (const job of jobs) {
    const start = at
    if (job.op === "notice") {
      const head = heads.get(job)!
      all.set(head, at)
      all.set(job.notice.body, at + head.length)
      at += head.length + job.notice.body.length
      words[word] = ops.notice
      words[word + 2] = noKey
      words[word + 5] = head.length
    } else {
      const { bytes, dialect, key } = job
      all.set(bytes, at)
      at += bytesOf(job)
      words[word] = ops[job.op]
      words[word + 1] = dialect.number
      words[word + 2] = key === undefined ? noKey : keyOf(key, dialect)
      words[word + 5] = job.op === "verify" ? macStart(job) : 0
    }
    words[word + 3] = start
    words[word + 4] = at - start
    word += itemWords
  }
  return batch
}

/** How many of a message's bytes matter: to a MAC that is made, those before its place. */
function bytesOf(job: Exclude<Job, NoticeJob>): number {
  switch (job.op) {
    case "decode":
      return job.bytes.length
    case "verify":
      return job.message.index[macPlace(job.dialect.mac, job.message.index) + 2]!
    case "seal":
      return coveredBy(job.dialect.mac, job.bytes)?.length ?? 0
  }
}

const macStart = ({ dialect, message }: VerifyJob): number =>
  message.index[macPlace(dialect.mac, message.index) + 1]!

/** Account, headers and time of a notice. */
const headOf = ({ account, headers, nowMs }: NotificationJob): Buffer =>
  Buffer.from(JSON.stringify([account, [...headers], nowMs]))

/** Results as they are written: words, and bytes padded to words. */
export class ResultWriter {
  #words = new Int32Array(4096)
  #length = 0

  word(value: number): void {
    this.#room(1)
    this.#words[this.#length++] = value
  }

  /** The first words of an index that begins with its count. */
  index(index: Int32Array, count: number): void {
    const length = 1 + 3 * count
    this.#room(length)
    this.#words[this.#length] = count
    for (let at = 1; at < length; at++) this.#words[this.#length + at] = index[at]!
    this.#length += length
  }

  atRest(made: AtRest | undefined): void {
    if (made === undefined) return this.word(0)
    this.bytes(Buffer.from(made.fingerprint, "latin1"))
    this.bytes(made.sealed)
  }

  bytes(bytes: Uint8Array): void {
    this.word(bytes.length)
    const words = Math.ceil(bytes.length / 4)
    this.#room(words)
    this.#words[this.#length + Math.max(0, words - 1)] = 0
    new Uint8Array(this.#words.buffer, 4 * this.#length, bytes.length).set(bytes)
    this.#length += words
  }

  /** Words written so far; `cut` goes back to such a place. */
  get length(): number {
    return this.#length
  }

  cut(length: number): void {
    this.#length = length
  }

  /** Everything written, in memory of its own; the writer begins anew. */
  take(): Int32Array<ArrayBuffer> {
    const taken = this.#words.slice(0, this.#length)
    this.#length = 0
    return taken
  }

  #room(words: number): void {
    if (this.#length + words <= this.#words.length) return
    const grown = new Int32Array(Math.max(2 * this.#words.length, this.#length + words))
    grown.set(this.#words)
    this.#words = grown
  }
}

/** Reads results in the order in which they were written. */
export class ResultReader {
  readonly #words: Int32Array
  readonly #bytes: Buffer
  #at = 0

  constructor(words: Int32Array) {
    this.#words = words
    this.#bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength)
  }

  word(): number {
    return this.#words[this.#at++]!
  }

  /** A view: what a batch has for its messages lives as long as the last of them. */
  index(): Int32Array {
    const start = this.#at
    this.#at += 1 + 3 * this.#words[start]!
    return this.#words.subarray(start, this.#at)
  }

  atRest(): AtRest | undefined {
    const length = this.word()
    if (length === 0) return undefined
    const start = 4 * this.#at
    this.#at += Math.ceil(length / 4)
    const fingerprint = this.#bytes.toString("latin1", start, start + length)
    return { fingerprint, sealed: this.bytes() }
  }

  bytes(): Uint8Array {
    const length = this.word()
    const { buffer, byteOffset } = this.#words
    const view = new Uint8Array(buffer, byteOffset + 4 * this.#at, length)
    this.#at += Math.ceil(length / 4)
    return view
  }
}
