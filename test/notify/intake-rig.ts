/** An intake between a verifier that the test speaks for, a real transaction desk and a fake push. */

import type { NotificationRecord, PushRecord } from "../../src/domain/order.ts"
import type {
  CodecShape,
  NotificationJob,
  NotificationVerdict
} from "../../src/domain/ports/codec.ts"
import type { PushShape } from "../../src/domain/ports/push.ts"
import { Intake, type NoticeEnd } from "../../src/notify/intake.ts"
import { Stage } from "../transaction/stage.ts"

export const job: NotificationJob = {
  account: "demo",
  headers: new Map(),
  body: new Uint8Array(0),
  nowMs: 0
}

export function notice(change: Partial<NotificationRecord> = {}): NotificationRecord {
  return {
    id: "wechat:n1",
    scheme: "wechat",
    payment: "4200001",
    counter: "counter-1",
    event: "paid",
    amount: 100,
    currency: "156",
    merchantAccount: "m",
    paidMs: 1_700_000_000_000,
    receivedMs: 1_700_000_000_001,
    ...change
  }
}

export class IntakeRig {
  readonly stage = new Stage()
  readonly intake: Intake
  /** What happened, in order: acknowledgements, pushes, and what was counted. */
  readonly told: Array<string> = []
  readonly counted: Array<string> = []
  /** Verifications that the test has not spoken for yet. */
  readonly verifying: Array<(verdict: NotificationVerdict) => void> = []

  constructor(
    verifyNotification: CodecShape["verifyNotification"] = (_, done) =>
      void this.verifying.push(done),
    accounts: Iterable<string> = [job.account]
  ) {
    const codec = { verifyNotification } as Partial<CodecShape> as CodecShape
    const { journal, orders, time } = this.stage
    this.intake = new Intake({
      codec,
      journal,
      transactions: {
        submit: () => {},
        inFlight: () => 0,
        drain: () => {},
        knows: () => false,
        refusedEarly: () => {},
        openOrder: () => {},
        recent: () => [],
        decide: () => {},
        unhandled: (aside) => orders.unhandled(aside),
        book: (notification) => orders.book(notification)
      },
      push: this.#push(),
      accounts: new Set(accounts),
      monotonicMs: () => time.now,
      meter: {
        notice: (account, end) => void this.counted.push(`${account} ${end}`),
        pushed: (milliseconds) => void this.counted.push(`pushed after ${milliseconds} ms`)
      },
      pushLifetimeMs: 1000
    })
  }

  /** A notice arrives; what its scheme hears is told under `name`. */
  arrive(name: string): void {
    this.intake.take(job, (end) => void this.told.push(`${name}: ${words(end)}`))
  }

  /** The verifier says that the oldest notice is genuine, or why not. */
  verified(verdict: NotificationRecord | "forged"): void {
    this.judged(
      verdict === "forged"
        ? { _tag: "refused", failure: "notification-forged", detail: "the digest differs" }
        : { _tag: "genuine", notification: verdict }
    )
  }

  judged(verdict: NotificationVerdict): void {
    const done = this.verifying.shift()
    if (done === undefined) throw new Error("nothing is being verified")
    done(verdict)
  }

  /** Arrives, and is genuine. */
  take(name: string, change: Partial<NotificationRecord> = {}): void {
    this.arrive(name)
    this.verified(notice(change))
  }

  get transactions(): number {
    return this.stage.records.length
  }

  #push(): PushShape {
    let sequence = 0
    return {
      prepare: (terminal, transaction, body, lifetimeMs) => {
        const record: PushRecord = {
          terminal,
          sequence: ++sequence,
          transaction,
          body,
          createdMs: 0,
          expiresMs: lifetimeMs,
          attempts: 0,
          state: "pending"
        }
        return {
          record,
          writes: [{ table: "pushes", key: `${terminal}:${record.sequence}`, value: record }],
          send: () => void this.told.push(`push ${terminal} ${String(body["payment"])}`)
        }
      },
      pending: () => 0
    }
  }
}

function words(end: NoticeEnd): string {
  return end._tag === "accepted" ? end.what : end._tag === "refused" ? end.failure : "later"
}
