/**
 * One worker thread and what it knows. Each thread is a pool of its own, because who holds which
 * keys, and who dies over which batch, must be known. What must hold: at most two batches are in
 * flight, and they end in the order in which they were sent; a thread that failed sends nothing
 * more and says so once, with all its batches; copies of keys that went over are overwritten here.
 */

import { Piscina } from "piscina"
import type { KeyHandle } from "../domain/brand.ts"
import type { SecurityModuleShape } from "../domain/ports/security-module.ts"
import type { Dialect } from "../iso8583/message.ts"
import type { NotificationAccount, NotificationAccounts } from "../qr/notification-account.ts"
import { type VaultKeys, wipeVaultKeys } from "../security/vault.ts"
import { type BatchTask, type Lessons, noKey, writeBatch } from "./batch.ts"
import type { Job } from "./job.ts"
import { KeyLessons, KnownKeys } from "./known-keys.ts"

/** So that a worker finds the next batch when it ends one. */
export const batchesInFlight = 2

/** A worker that was told to end has this long for what it is doing. */
const closeMs = 1000

/** Piscina's type is that of another form of `postMessage`. */
type TransferList = NonNullable<NonNullable<Parameters<Piscina["run"]>[1]>["transferList"]>

export interface Batch {
  readonly jobs: ReadonlyArray<Job>
  /** When the worker can have turned to it. */
  startedMs: number
  /** Seen late once; the next look ends the worker. */
  late: boolean
}

export interface PoolWorkerHouse {
  readonly file: URL
  readonly module: SecurityModuleShape
  readonly accounts: NotificationAccounts
  /** A copy for a thread that is hired; absent: what rests on disk is sealed elsewhere. */
  readonly vault?: (() => VaultKeys) | undefined
  readonly nowMs: () => number
  readonly returned: (worker: PoolWorker, batch: Batch, results: Int32Array) => void
  /** The thread is of no more use; its batches, the one it was at first. */
  readonly failed: (
    worker: PoolWorker,
    why: "died" | "hung",
    batches: ReadonlyArray<Batch>
  ) => void
}

export class PoolWorker {
  readonly #house: PoolWorkerHouse
  readonly #piscina: Piscina<BatchTask, Int32Array>
  readonly #keys: KnownKeys
  readonly #dialects = new Set<number>()
  readonly #accounts = new Map<string, NotificationAccount | undefined>()
  readonly #inFlight: Array<Batch> = []
  readonly #keyLessons = new KeyLessons()
  #dialectLessons: NonNullable<Lessons["dialects"]> = []
  #accountLessons: NonNullable<Lessons["accounts"]> = []
  #ready = false
  #over = false
  /** A suspected job is alone here: nothing is sent beside it. */
  alone = false

  constructor(house: PoolWorkerHouse) {
    this.#house = house
    this.#keys = new KnownKeys(house.module, this.#keyLessons)
    this.#piscina = new Piscina({
      filename: house.file.href,
      name: "runBatch",
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: batchesInFlight,
      // Neither secrets of the environment nor flags of the main thread belong there.
      env: {},
      execArgv: [],
      trackUnmanagedFds: false,
      recordTiming: false,
      closeTimeout: closeMs
    })
    this.#piscina.on("error", () => this.fail("died"))
  }

  /** Resolves when the thread stands and has answered; rejects when it cannot. */
  async start(): Promise<void> {
    const vault = this.#house.vault?.()
    const known = { ...this.#lessons(), ...(vault === undefined ? {} : { vault }) }
    try {
      await this.#piscina.run({ ...known, batch: new ArrayBuffer(0) })
    } finally {
      if (vault !== undefined) wipeVaultKeys(vault)
    }
    this.#ready = true
  }

  /** Did the thread ever stand? */
  get ready(): boolean {
    return this.#ready
  }

  get inFlight(): number {
    return this.#inFlight.length
  }

  /** May another batch be sent? */
  get free(): boolean {
    return this.#ready && !this.#over && !this.alone && this.#inFlight.length < batchesInFlight
  }

  send(jobs: ReadonlyArray<Job>): void {
    const batch: Batch = { jobs, startedMs: this.#house.nowMs(), late: false }
    const buffer = writeBatch(jobs, (key, dialect) => this.#keyOf(key, dialect))
    for (const job of jobs) this.#teach(job)
    const task = { ...this.#lessons(), batch: buffer }
    this.#inFlight.push(batch)
    const transferList = [buffer] as unknown as TransferList
    this.#piscina.run(task, { transferList }).then(
      (results) => {
        wipe(task.keys)
        this.#returned(batch, results)
      },
      () => {
        wipe(task.keys)
        this.fail("died")
      }
    )
  }

  forget(key: KeyHandle): void {
    this.#keys.forget(key)
  }

  /** A thread that has nothing to do would keep what it is to forget: it gets an empty batch. */
  remind(): void {
    if (this.#keyLessons.owesDrops && this.free && this.inFlight === 0) this.send([])
  }

  /** Ends the thread, where it has not ended, and hands back what it had. */
  fail(why: "died" | "hung"): void {
    if (this.#over) return
    this.#over = true
    void this.#piscina.destroy()
    this.#house.failed(this, why, this.#inFlight.splice(0))
  }

  /** The batch at the head is past its time, and was so at the last look too. */
  hangs(nowMs: number, hungMs: number): boolean {
    const [batch] = this.#inFlight
    if (batch === undefined || nowMs - batch.startedMs < hungMs) return false
    // Its result may have come while this thread was held: one more turn reads it.
    if (batch.late) return true
    batch.late = true
    return false
  }

  async close(): Promise<void> {
    this.#over = true
    await this.#piscina.close()
  }

  #returned(batch: Batch, results: Int32Array): void {
    if (this.#over) return
    this.#inFlight.splice(this.#inFlight.indexOf(batch), 1)
    const [next] = this.#inFlight
    if (next !== undefined) next.startedMs = this.#house.nowMs()
    this.#house.returned(this, batch, results)
  }

  #keyOf(key: KeyHandle, { mac }: Dialect): number {
    return mac !== undefined && this.#keys.share(key, mac.algorithm) ? key : noKey
  }

  #teach(job: Job): void {
    if (job.op === "notice") this.#teachAccount(job.notice.account)
    else this.#teachDialect(job.dialect)
  }

  #teachDialect({ number, source }: Dialect): void {
    if (this.#dialects.has(number)) return
    this.#dialects.add(number)
    this.#dialectLessons.push({ number, source })
  }

  #teachAccount(name: string): void {
    const account = this.#house.accounts(name)
    if (this.#accounts.get(name) === account) return
    this.#accounts.set(name, account)
    this.#accountLessons.push({ name, account })
  }

  /** What the thread must know before the batch that was just written. */
  #lessons(): Lessons {
    const dialects = this.#dialectLessons
    const accounts = this.#accountLessons
    const keys = this.#keyLessons
    if (dialects.length === 0 && accounts.length === 0 && !keys.owesAny) return {}
    this.#dialectLessons = []
    this.#accountLessons = []
    return { dialects, accounts, ...keys.take() }
  }
}

function wipe(keys: Lessons["keys"] = []): void {
  for (const { key } of keys) key.fill(0)
}
