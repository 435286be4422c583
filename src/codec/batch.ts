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
import type { AtRest } from "../domain/ports/codec.ts"
import { macPlace } from "../iso8583/mac-place.ts"
import type { Dialect } from "../iso8583/message.ts"
import type { VaultKeys } from "../security/vault.ts"
import type { Job } from "./job.ts"
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

const noBytes = new Uint8Array(0)

/** One item as it is written. */
interface Item {
  readonly op: number
  readonly subject: number
  readonly key: number
  readonly bytes: Uint8Array
  /** `verify`: where the MAC begins. `notice`: bytes of the head, ahead of the body. */
  readonly cover: number
  /** `notice`: account, headers and time. */
  readonly head: Uint8Array | undefined
}

/** `keyOf` says the number under which the worker knows a key for a dialect's MACs, or `noKey`. */
export function writeBatch(
  jobs: ReadonlyArray<Job>,
  keyOf: (key: KeyHandle, dialect: Dialect) => number
): ArrayBuffer {
  const items = jobs.map((job) => itemOf(job, keyOf))
  const content = 4 * (1 + itemWords * items.length)
  let length = content
  for (const { bytes, head } of items) length += bytes.length + (head?.length ?? 0)
  const batch = new ArrayBuffer(length)
  const words = new Int32Array(batch, 0, content / 4)
  const all = new Uint8Array(batch)
  words[0] = items.length
  let at = content
  for (let index = 0; index < items.length; index++) {
    const { bytes, cover, head, key, op, subject } = items[index]!
    const start = at
    if (head !== undefined) {
      all.set(head, at)
      at += head.length
    }
    all.set(bytes, at)
    at += bytes.length
    const word = 1 + itemWords * index
    words[word] = op
    words[word + 1] = subject
    words[word + 2] = key
    words[word + 3] = start
    words[word + 4] = at - start
    words[word + 5] = cover
  }
  return batch
}

function itemOf(job: Job, keyOf: (key: KeyHandle, dialect: Dialect) => number): Item {
  switch (job.op) {
    case "decode": {
      const key = job.key === undefined ? noKey : keyOf(job.key, job.dialect)
      const { bytes, dialect } = job
      return { op: ops.decode, subject: dialect.number, key, bytes, cover: 0, head: undefined }
    }
    case "verify": {
      const { dialect, key, message } = job
      const place = macPlace(dialect.mac, message.index)
      const cover = message.index[place + 1]!
      const bytes = message.bytes.subarray(0, message.index[place + 2])
      const subject = dialect.number
      return { op: ops.verify, subject, key: keyOf(key, dialect), bytes, cover, head: undefined }
    }
    case "seal": {
      const { dialect, key } = job
      const bytes = coveredBy(dialect.mac, job.bytes) ?? noBytes
      const subject = dialect.number
      return { op: ops.seal, subject, key: keyOf(key, dialect), bytes, cover: 0, head: undefined }
    }
    case "notice": {
      const { account, body, headers, nowMs } = job.notice
      const head = Buffer.from(JSON.stringify([account, [...headers], nowMs]))
      return { op: ops.notice, subject: 0, key: noKey, bytes: body, cover: head.length, head }
    }
  }
}

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
  #at = 0

  constructor(words: Int32Array) {
    this.#words = words
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
    const text = this.bytes()
    if (text.length === 0) return undefined
    return { fingerprint: Buffer.from(text).toString("latin1"), sealed: this.bytes() }
  }

  bytes(): Uint8Array {
    const length = this.word()
    const { buffer, byteOffset } = this.#words
    const view = new Uint8Array(buffer, byteOffset + 4 * this.#at, length)
    this.#at += Math.ceil(length / 4)
    return view
  }
}
