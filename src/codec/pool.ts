/**
 * The micro-batcher. Work of a turn is collected; at the turn's end it goes to the workers in
 * batches. It goes on being collected while every worker has two batches in flight, or one and few
 * jobs wait: a message between threads costs the same for one job and for a hundred. What must
 * hold: nobody's work is lost, done twice for its owner, or out of its lane's order; what waits is
 * bounded; a job that ends two workers is refused, and no other job with it.
 *
 *   decode ─┐                    ┌─ a few small ones, no notification ─► here, at once
 *   verify ─┼─► queue ─► turn ───┤
 *   seal   ─┤                    └─ batches ─► worker 1 (two in flight) ─► results ─► lanes
 *   notice ─┘                          └─────► worker 2 …
 *                                       worker dies ─► its job(s) alone, one at a time ─► refused
 */

import type { KeyHandle } from "../domain/brand.ts"
import type { NotificationVerdict } from "../domain/ports/codec.ts"
import type { TimeShape } from "../domain/ports/time.ts"
import { ends, ResultReader } from "./batch.ts"
import type { Bench } from "./in-place.ts"
import { type Job, refuse, settle } from "./job.ts"
import { sealed, verdicts } from "./mac-check.ts"
import { type Batch, PoolWorker, type PoolWorkerHouse } from "./pool-worker.ts"

/**
 * Jobs and bytes of one batch. Under load a turn of the event loop lasts 15 ms and brings hundreds
 * of jobs; its results are read a turn later, so that what a batch cannot take waits for another.
 */
export const maxBatchJobs = 256
export const maxBatchBytes = 262_144

/** A worker that still has a batch gets a second one when so many jobs wait. */
export const secondBatchJobs = 16

/**
 * More than this in a turn is worth waking a worker for, and so is a longer message. Up to eight
 * cost the main thread as much here as there, the machine less, and come a turn earlier.
 */
export const inPlaceJobs = 8
export const inPlaceBytes = 1024

/** How often workers are looked at. */
export const lookEveryMs = 250

/** A thread that could not be started is tried again after this. */
export const restartMs = 1000

export interface CodecMeter {
  /** A batch was done by a worker, or in place. */
  readonly batch: (jobs: number, place: "pool" | "here") => void
  readonly replaced: (why: "died" | "hung") => void
  /** A message that the codec itself fails on; its failure is `codec-defect`. */
  readonly defect: (dialect: string) => void
}

export interface PoolOptions {
  readonly workers: number
  /** Jobs that may wait or be in flight. */
  readonly queueFrames: number
  /** A batch takes below a millisecond; a worker that shows nothing for this long hangs. */
  readonly hungMs: number
  readonly meter: CodecMeter
}

export class Pool {
  readonly #options: PoolOptions
  readonly #house: PoolWorkerHouse
  readonly #time: TimeShape
  readonly #bench: Bench
  readonly #workers: Array<PoolWorker> = []
  readonly #relief: Array<() => void> = []
  #queue: Array<Job> = []
  /** Jobs over which a worker ended: each is tried once more, alone. */
  #suspects: Array<Job> = []
  #outstanding = 0
  #congested = false
  #scheduled = false
  #closed = false
  #restartDue = 0

  constructor(
    options: PoolOptions,
    house: Pick<PoolWorkerHouse, "file" | "module" | "accounts" | "vault">,
    time: TimeShape,
    bench: Bench
  ) {
    this.#options = options
    this.#time = time
    this.#bench = bench
    this.#house = {
      ...house,
      nowMs: () => time.monotonicMs(),
      returned: (worker, batch, results) => this.#returned(worker, batch, results),
      failed: (worker, why, batches) => this.#failed(worker, why, batches)
    }
  }

  /** Resolves when every worker stands; when one cannot, none is left. */
  async start(): Promise<void> {
    const workers = Array.from({ length: this.#options.workers }, () => this.#hire())
    try {
      await Promise.all(workers.map((worker) => worker.start()))
    } catch (cause) {
      await this.close()
      throw cause
    }
  }

  /** False: there is no room. */
  get room(): boolean {
    return this.#outstanding < this.#options.queueFrames
  }

  get congested(): boolean {
    return this.#congested
  }

  onRelief(listener: () => void): void {
    this.#relief.push(listener)
  }

  add(job: Job): void {
    this.#outstanding++
    if (this.#outstanding >= this.#options.queueFrames) this.#congested = true
    this.#queue.push(job)
    if (this.#scheduled) return
    this.#scheduled = true
    this.#time.atTurnEnd(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  /** Threads that have the key overwrite it after their next batch, or at the next look. */
  forget(key: KeyHandle): void {
    for (const worker of this.#workers) worker.forget(key)
  }

  /** Looks for workers that hang, for places that are empty, and for keys that are to go. */
  look(): void {
    const nowMs = this.#time.monotonicMs()
    const hanging = this.#workers.filter((each) => each.hangs(nowMs, this.#options.hungMs))
    for (const worker of hanging) worker.fail("hung")
    if (this.#workers.length < this.#options.workers && nowMs >= this.#restartDue) this.#replace()
    this.#flush()
    for (const worker of this.#workers) worker.remind()
  }

  async close(): Promise<void> {
    this.#closed = true
    // Who waited for room is let go of, with all that it holds: what closes a thread outlives us.
    this.#relief.length = 0
    await Promise.all(this.#workers.map((worker) => worker.close()))
  }

  #hire(): PoolWorker {
    const worker = new PoolWorker(this.#house)
    this.#workers.push(worker)
    return worker
  }

  #flush(): void {
    if (this.#closed) return
    if (this.#queue.length > 0 && this.#isTiny()) {
      const jobs = this.#queue
      this.#queue = []
      for (const job of jobs) this.#here(job)
      this.#options.meter.batch(jobs.length, "here")
      this.#relieve()
    }
    for (const job of this.#suspects.slice()) if (!this.#sendAlone(job)) break
    for (let worker = this.#leastBusy(); worker !== undefined; worker = this.#leastBusy()) {
      if (this.#queue.length < (worker.inFlight > 0 ? secondBatchJobs : 1)) return
      worker.send(this.#nextBatch())
    }
  }

  /** A turn's worth that costs less than waking a worker, and whose lanes have nothing there. */
  #isTiny(): boolean {
    if (this.#queue.length > inPlaceJobs) return false
    return this.#queue.every((job) => {
      if (job.op === "notice" || job.bytes.length > inPlaceBytes) return false
      const here = this.#queue.filter((other) => other.lane === job.lane).length
      return job.lane?.pending() === here
    })
  }

  #here(job: Job): void {
    this.#outstanding--
    if (!this.#bench.work(job)) this.#options.meter.defect(nameOf(job))
  }

  #leastBusy(): PoolWorker | undefined {
    let found: PoolWorker | undefined
    // While anybody is suspected, one worker is kept free for that.
    const kept = this.#suspects.length > 0 ? this.#workers[0] : undefined
    for (const worker of this.#workers) {
      if (worker === kept) continue
      if (worker.free && (found === undefined || worker.inFlight < found.inFlight)) found = worker
    }
    return found
  }

  #nextBatch(): Array<Job> {
    let length = 0
    let bytes = 0
    while (length < Math.min(this.#queue.length, maxBatchJobs)) {
      bytes += bytesOf(this.#queue[length]!)
      if (length > 0 && bytes > maxBatchBytes) break
      length++
    }
    return this.#queue.splice(0, length)
  }

  #sendAlone(job: Job): boolean {
    const idle = this.#workers.find((worker) => worker.free && worker.inFlight === 0)
    if (idle === undefined) return false
    this.#suspects.splice(this.#suspects.indexOf(job), 1)
    idle.send([job])
    idle.alone = true
    return true
  }

  #returned(worker: PoolWorker, batch: Batch, results: Int32Array): void {
    worker.alone = false
    const reader = new ResultReader(results)
    if (batch.jobs.length > 0) this.#options.meter.batch(batch.jobs.length, "pool")
    for (const job of batch.jobs) this.#read(job, reader)
    this.#relieve()
    // What this turn brings goes together, at its end.
    if (!this.#scheduled) this.#flush()
  }

  #read(job: Job, reader: ResultReader): void {
    const end = reader.word()
    if (end === ends.threw) return this.#struck(job, job.strikes + 1)
    this.#outstanding--
    switch (job.op) {
      case "decode": {
        if (end === ends.fault) return void this.#bench.work(job)
        const verdict = reader.word()
        const message = job.dialect.view(job.bytes, reader.index())
        return this.#bench.finish(job, message, verdict, reader.atRest())
      }
      case "verify":
        return settle(job, verdicts[reader.word()]!)
      case "seal": {
        const mac = reader.bytes()
        return settle(job, mac.length === 0 ? undefined : sealed(job.dialect.mac!, job.bytes, mac))
      }
      case "notice": {
        const text = Buffer.from(reader.bytes()).toString()
        return settle(job, JSON.parse(text) as NotificationVerdict)
      }
    }
  }

  /** A worker is gone: what it was at is suspected, what it had not begun goes to the others. */
  #failed(worker: PoolWorker, why: "died" | "hung", batches: ReadonlyArray<Batch>): void {
    if (this.#closed) return
    this.#options.meter.replaced(why)
    this.#workers.splice(this.#workers.indexOf(worker), 1)
    const [suspected, ...innocent] = batches
    this.#queue.unshift(...innocent.flatMap((batch) => batch.jobs))
    for (const job of suspected?.jobs ?? []) this.#struck(job, job.strikes + 1)
    // One that never stood would fail again at once: the next look tries.
    if (worker.ready) this.#replace()
    this.#flush()
  }

  #struck(job: Job, strikes: number): void {
    job.strikes = strikes
    if (strikes < 2) {
      this.#suspects.push(job)
      return
    }
    this.#options.meter.defect(nameOf(job))
    this.#outstanding--
    refuse(job)
  }

  #replace(): void {
    this.#restartDue = this.#time.monotonicMs() + restartMs
    const worker = this.#hire()
    worker.start().then(() => this.#flush(), () => worker.fail("died"))
  }

  /** Who waited for room is told when half of it is free. */
  #relieve(): void {
    if (!this.#congested || this.#outstanding > this.#options.queueFrames / 2) return
    this.#congested = false
    for (const listener of this.#relief) listener()
  }
}

function bytesOf(job: Job): number {
  return job.op === "notice" ? job.notice.body.length : job.bytes.length
}

function nameOf(job: Job): string {
  return job.op === "notice" ? job.notice.account : job.dialect.name
}
