/**
 * The codec station's layers. Both do the same work by the same code; what differs is where. What
 * must hold: whoever asks cannot tell from a result which of them did it.
 */

import { Effect, Layer } from "effect"
import type { KeyHandle } from "../domain/brand.ts"
import {
  Codec,
  type CodecLane,
  type CodecShape,
  type Decoded,
  type MacVerdict,
  type NotificationJob,
  type NotificationVerdict
} from "../domain/ports/codec.ts"
import { SecurityModule } from "../domain/ports/security-module.ts"
import { Time } from "../domain/ports/time.ts"
import { macPlace } from "../iso8583/mac-place.ts"
import type { Dialect, Message } from "../iso8583/message.ts"
import type { NotificationAccounts } from "../qr/notification-account.ts"
import type { VaultKeys } from "../security/vault.ts"
import { Bench } from "./in-place.ts"
import { type Job, Lane } from "./job.ts"
import { coveredBy } from "./mac-check.ts"
import { type CodecMeter, lookEveryMs, Pool } from "./pool.ts"

export type { CodecMeter } from "./pool.ts"

export interface InPlaceOptions {
  /** The account of this name with its keys; undefined when there is none. */
  readonly accounts: NotificationAccounts
  readonly meter?: CodecMeter
}

export interface PooledOptions extends InPlaceOptions {
  /** Threads; 0 does everything in place. */
  readonly workers: number
  /** Jobs that may wait or be in flight before frames are declined. */
  readonly queueFrames: number
  /** A worker that shows nothing for this long is replaced. */
  readonly hungMs?: number
  /** Given, threads seal what the record of a request keeps, beside decoding it. */
  readonly vault?: () => VaultKeys
  /** The thread's entry, where it is not ours. */
  readonly workerFile?: URL
}

/** A batch takes a millisecond; a thread that is starved of a processor takes longer. */
const defaultHungMs = 2000

const noMeter: CodecMeter = { batch: () => {}, replaced: () => {}, defect: () => {} }

/** Everything at once, in the thread that asks. */
export function inPlaceCodecLayer(
  options: InPlaceOptions
): Layer.Layer<Codec, never, SecurityModule> {
  return Layer.effect(
    Codec,
    Effect.gen(function*() {
      const bench = yield* benchOf(options)
      const meter = options.meter ?? noMeter
      return Codec.of(
        shapeOf(bench, {
          room: () => true,
          congested: () => false,
          onRelief: () => {},
          add: (job) => {
            if (!bench.work(job)) {
              meter.defect(job.op === "notice" ? job.notice.account : job.dialect.name)
            }
            meter.batch(1, "here")
          }
        })
      )
    })
  )
}

/** Micro-batches in worker threads; the layer stands when every thread does. */
export function pooledCodecLayer(
  options: PooledOptions
): Layer.Layer<Codec, never, SecurityModule | Time> {
  if (options.workers === 0) return inPlaceCodecLayer(options)
  return Layer.effect(
    Codec,
    Effect.gen(function*() {
      const time = yield* Time
      const module = yield* SecurityModule
      const bench = yield* benchOf(options)
      const file = options.workerFile ?? new URL("./worker.ts", import.meta.url)
      const { accounts, queueFrames, vault, workers } = options
      const meter = options.meter ?? noMeter
      const pool = new Pool(
        { workers, queueFrames, hungMs: options.hungMs ?? defaultHungMs, meter },
        { file, module, accounts, vault },
        time,
        bench
      )
      yield* Effect.acquireRelease(
        Effect.promise(() => pool.start()),
        () => Effect.promise(() => pool.close())
      )
      yield* Effect.acquireRelease(
        Effect.sync(() => module.onForgotten((key) => pool.forget(key))),
        (stop) => Effect.sync(stop)
      )
      yield* Effect.acquireRelease(
        Effect.sync(() => time.every(lookEveryMs, () => pool.look())),
        (stop) => Effect.sync(stop)
      )
      return Codec.of(
        shapeOf(bench, {
          room: () => pool.room,
          congested: () => pool.congested,
          onRelief: (listener) => pool.onRelief(listener),
          add: (job) => pool.add(job)
        })
      )
    })
  )
}

const benchOf = Effect.fnUntraced(function*({ accounts }: InPlaceOptions) {
  const module = yield* SecurityModule
  const bench = yield* Effect.acquireRelease(
    Effect.sync(() => new Bench(module, accounts)),
    (made) => Effect.sync(() => made.clear())
  )
  yield* Effect.acquireRelease(
    Effect.sync(() => module.onForgotten((key) => bench.forget(key))),
    (stop) => Effect.sync(stop)
  )
  return bench
})

/** Where work goes. */
interface Place {
  readonly room: () => boolean
  readonly congested: () => boolean
  readonly onRelief: (listener: () => void) => void
  readonly add: (job: Job) => void
}

function shapeOf(bench: Bench, place: Place): CodecShape {
  let lanes = 0
  const enter = (job: Job, away: boolean) => {
    job.lane?.enter(job)
    if (away) place.add(job)
    else bench.work(job)
  }
  return {
    lane: () => new Lane(++lanes),
    decode: (lane, dialect, body, key, done) => {
      if (!place.room()) return false
      enter(decodeJob(lane, dialect, body, key, done), true)
      return true
    },
    verify: (lane, message, key, done) => {
      const rule = macPlace(message.dialect.mac, message.index) < 0
        ? undefined
        : message.dialect.mac
      enter(verifyJob(lane, message, key, done), rule !== undefined && bench.shares(key, rule))
    },
    seal: (lane, dialect, body, key, done) => {
      const rule = coveredBy(dialect.mac, body) === undefined ? undefined : dialect.mac
      enter(sealJob(lane, dialect, body, key, done), rule !== undefined && bench.shares(key, rule))
    },
    verifyNotification: (job, done) => enter(noticeJob(job, done), true),
    congested: place.congested,
    onRelief: place.onRelief
  }
}

const waiting = { next: undefined, settled: false, result: undefined, strikes: 0 } as const

function decodeJob(
  lane: CodecLane,
  dialect: Dialect,
  bytes: Uint8Array,
  key: KeyHandle | undefined,
  done: (result: Decoded) => void
): Job {
  return { op: "decode", lane: lane as Lane, dialect, bytes, key, done, ...waiting }
}

function verifyJob(
  lane: CodecLane,
  message: Message,
  key: KeyHandle,
  done: (verdict: MacVerdict) => void
): Job {
  const { bytes, dialect } = message
  return { op: "verify", lane: lane as Lane, dialect, bytes, key, message, done, ...waiting }
}

function sealJob(
  lane: CodecLane,
  dialect: Dialect,
  bytes: Uint8Array,
  key: KeyHandle,
  done: (body: Uint8Array | undefined) => void
): Job {
  return { op: "seal", lane: lane as Lane, dialect, bytes, key, done, ...waiting }
}

function noticeJob(
  notice: NotificationJob,
  done: (verdict: NotificationVerdict) => void
): Job {
  return { op: "notice", lane: undefined, notice, done, ...waiting }
}
