/**
 * Work that waits, and the lanes that keep it in order. What must hold: a lane hands out results in
 * the order in which its work came, wherever each was done; a lane that was closed hands out
 * nothing more.
 */

import type { KeyHandle } from "../domain/brand.ts"
import type {
  CodecLane,
  Decoded,
  MacVerdict,
  NotificationJob,
  NotificationVerdict
} from "../domain/ports/codec.ts"
import type { Dialect, Message } from "../iso8583/message.ts"

interface Waiting<Result> {
  readonly done: (result: Result) => void
  readonly lane: Lane | undefined
  /** The next one of its lane. */
  next: Job | undefined
  settled: boolean
  result: Result | undefined
  /** Workers that died or gave up over it. */
  strikes: number
}

interface MessageWork {
  readonly dialect: Dialect
  readonly bytes: Uint8Array
  readonly key: KeyHandle | undefined
}

export type DecodeJob = Waiting<Decoded> & MessageWork & { readonly op: "decode" }

export type VerifyJob =
  & Waiting<MacVerdict>
  & MessageWork
  & { readonly op: "verify"; readonly key: KeyHandle; readonly message: Message }

export type SealJob =
  & Waiting<Uint8Array | undefined>
  & MessageWork
  & { readonly op: "seal"; readonly key: KeyHandle }

export type NoticeJob =
  & Waiting<NotificationVerdict>
  & { readonly op: "notice"; readonly notice: NotificationJob }

export type Job = DecodeJob | VerifyJob | SealJob | NoticeJob

export class Lane implements CodecLane {
  readonly id: number
  #first: Job | undefined
  #last: Job | undefined
  #pending = 0
  #open = true

  constructor(id: number) {
    this.id = id
  }

  pending(): number {
    return this.#pending
  }

  close(): void {
    this.#open = false
  }

  enter(job: Job): void {
    this.#pending++
    if (this.#last === undefined) this.#first = job
    else this.#last.next = job
    this.#last = job
  }

  /** Hands out what is settled at the head of the lane. */
  advance(): void {
    for (let job = this.#first; job?.settled === true; job = this.#first) {
      this.#first = job.next
      if (job.next === undefined) this.#last = undefined
      this.#pending--
      if (this.#open) hand(job)
    }
  }
}

/** Gives a job its result, once; it is handed out when its turn in the lane comes. */
export function settle<J extends Job>(job: J, result: NonNullable<J["result"]> | undefined): void {
  if (job.settled) return
  job.settled = true
  job.result = result
  if (job.lane === undefined) hand(job)
  else job.lane.advance()
}

/** Every result but that of a seal is there when the job is settled. */
function hand(job: Job): void {
  switch (job.op) {
    case "decode":
      return job.done(job.result!)
    case "verify":
      return job.done(job.result!)
    case "seal":
      return job.done(job.result)
    case "notice":
      return job.done(job.result!)
  }
}

/** A job that nobody can do: the codec itself fails on it. */
export function refuse(job: Job): void {
  switch (job.op) {
    case "decode":
      return settle(job, { _tag: "failed", failure: "codec-defect" })
    case "verify":
      return settle(job, "unchecked")
    case "seal":
      return settle(job, undefined)
    case "notice":
      return settle(job, { _tag: "refused", failure: "codec-defect", detail: "codec" })
  }
}
