/**
 * What a worker does with a batch. What must hold: one item's defect is told and costs no other
 * item; keys are forgotten only after the batch that may still need them; of a batch nothing but
 * its results is left.
 */

import type { KeyHandle } from "../domain/brand.ts"
import { managementKinds } from "../domain/kind.ts"
import type { AtRest } from "../domain/ports/codec.ts"
import { wipeScratch } from "../domain/scratch.ts"
import { makeSealing, type Sealing } from "../domain/sealing.ts"
import { indexCapacity } from "../iso8583/indexer.ts"
import { macPlace } from "../iso8583/mac-place.ts"
import type { Dialect, Message } from "../iso8583/message.ts"
import { cardOf, requestText } from "../iso8583/request-facts.ts"
import type { NotificationAccount } from "../qr/notification-account.ts"
import { verifyNotification } from "../qr/notification.ts"
import { CipherCache } from "../security/cipher-cache.ts"
import type { RandomBytes } from "../security/pin-block.ts"
import { isFault } from "../security/security-fault.ts"
import { makeVault, type VaultKeys, wipeVaultKeys } from "../security/vault.ts"
import { type BatchTask, ends, itemWords, ops, ResultWriter } from "./batch.ts"
import { checkMac, macOver, verdicts } from "./mac-check.ts"

/** The part of a dialect that a worker needs. */
export type WorkerDialect = Pick<Dialect, "index" | "mac" | "view">

const noBytes = new Uint8Array(0)
const wrong = verdicts.indexOf("wrong")

export class BatchRunner {
  readonly #compile: (source: unknown, number: number) => WorkerDialect
  readonly #random: RandomBytes
  #sealing: Sealing | undefined
  readonly #dialects = new Map<number, WorkerDialect>()
  readonly #accounts = new Map<string, NotificationAccount>()
  readonly #cache = new CipherCache()
  readonly #index = new Int32Array(indexCapacity)
  readonly #writer = new ResultWriter()

  constructor(
    compile: (source: unknown, number: number) => WorkerDialect,
    random: RandomBytes
  ) {
    this.#compile = compile
    this.#random = random
  }

  run(task: BatchTask): Int32Array<ArrayBuffer> {
    for (const { number, source } of task.dialects ?? []) {
      this.#dialects.set(number, this.#compile(source, number))
    }
    for (const { handle, key } of task.keys ?? []) {
      this.#cache.put(handle, key)
      key.fill(0)
    }
    for (const { account, name } of task.accounts ?? []) {
      if (account === undefined) this.#accounts.delete(name)
      else this.#accounts.set(name, account as NotificationAccount)
    }
    if (task.vault !== undefined) this.#learn(task.vault)
    const count = task.batch.byteLength === 0 ? 0 : new Int32Array(task.batch, 0, 1)[0]!
    const words = new Int32Array(task.batch, 0, count === 0 ? 0 : 1 + itemWords * count)
    for (let item = 0; item < count; item++) this.#attempt(task.batch, words, 1 + itemWords * item)
    for (const handle of task.drops ?? []) this.#cache.drop(handle)
    // Messages in clear, in memory that goes back to the allocator (I6).
    new Uint8Array(task.batch).fill(0)
    wipeScratch()
    return this.#writer.take()
  }

  #learn(keys: VaultKeys): void {
    const vault = makeVault(keys, this.#random)
    wipeVaultKeys(keys)
    if (isFault(vault)) throw new Error(`the vault's keys: ${vault.code}`)
    this.#sealing = makeSealing(vault)
  }

  #attempt(batch: ArrayBuffer, words: Int32Array, at: number): void {
    const before = this.#writer.length
    try {
      this.#item(batch, words, at)
    } catch {
      // Whatever it was, it came from bytes of others: it costs this item and nothing else (I12).
      this.#writer.cut(before)
      this.#writer.word(ends.threw)
    }
  }

  #item(batch: ArrayBuffer, words: Int32Array, at: number): void {
    const subject = words[at + 1]!
    const key = words[at + 2]! as KeyHandle
    const bytes = new Uint8Array(batch, words[at + 3]!, words[at + 4]!)
    const cover = words[at + 5]!
    switch (words[at]) {
      case ops.decode:
        return this.#decode(this.#dialect(subject), bytes, key)
      case ops.verify: {
        const rule = this.#dialect(subject).mac!
        this.#writer.word(ends.done)
        return this.#writer.word(
          checkMac(this.#cache, rule, key, bytes.subarray(0, cover), bytes.subarray(cover))
        )
      }
      case ops.seal: {
        const mac = macOver(this.#cache, this.#dialect(subject).mac!, key, bytes)
        this.#writer.word(ends.done)
        return this.#writer.bytes(mac ?? noBytes)
      }
      case ops.notice:
        return this.#notice(bytes.subarray(0, cover), bytes.subarray(cover))
    }
  }

  #decode(dialect: WorkerDialect, bytes: Uint8Array, key: KeyHandle): void {
    const index = this.#index
    const count = dialect.index(bytes, 0, bytes.length, index)
    if (count < 0) return this.#writer.word(ends.fault)
    const rule = dialect.mac
    const place = macPlace(rule, index, count)
    let verdict = place < 0 ? 1 : 0
    if (rule !== undefined && place >= 0 && key >= 0) {
      const covered = bytes.subarray(0, index[place + 1])
      const mac = bytes.subarray(index[place + 1], index[place + 2])
      verdict = checkMac(this.#cache, rule, key, covered, mac)
    }
    this.#writer.word(ends.done)
    this.#writer.word(verdict)
    this.#writer.index(index, count)
    if (this.#sealing === undefined || verdict === wrong) return this.#writer.atRest(undefined)
    const message = dialect.view(bytes, index.subarray(0, 1 + 3 * count))
    this.#writer.atRest(atRest(this.#sealing, message))
  }

  #notice(head: Uint8Array, body: Uint8Array): void {
    const text = Buffer.from(head.buffer, head.byteOffset, head.length).toString()
    const [account, headers, nowMs] = JSON.parse(text) as NoticeHead
    const verdict = verifyNotification((name) => this.#accounts.get(name), {
      account,
      headers: new Map(headers),
      body,
      nowMs
    })
    this.#writer.word(ends.done)
    this.#writer.bytes(Buffer.from(JSON.stringify(verdict)))
  }

  #dialect(number: number): WorkerDialect {
    const dialect = this.#dialects.get(number)
    if (dialect === undefined) throw new Error(`dialect ${number} was never sent`)
    return dialect
  }
}

/** Of a request that may become a transaction: what its record will keep, in words of the desk. */
function atRest(sealing: Sealing, message: Message): AtRest | undefined {
  if (message.dialect.isResponse(message)) return undefined
  const kind = message.kind()
  if (kind === undefined || managementKinds.has(kind)) return undefined
  const card = cardOf(message)
  const text = requestText(message, card.pan)
  if (text === undefined) return undefined
  return { fingerprint: sealing.digest(text), sealed: sealing.seal(card) }
}

type NoticeHead = readonly [string, ReadonlyArray<readonly [string, string]>, number]
