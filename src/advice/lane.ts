/**
 * One upstream's chains. Each chain goes on until the upstream accepts it or its time is over;
 * chains do not wait for each other, except for the upstream's own share of places. What cannot be
 * sent waits in `ready`, oldest first, until the upstream is up or a place is free.
 */

import type { Timer } from "../actor/timer-wheel.ts"
import type { TimersShape } from "../actor/timers.ts"
import type { AdviceRecord } from "../domain/advice.ts"
import type { TransactionId } from "../domain/brand.ts"
import { buggify } from "../domain/buggify.ts"
import type { AdviceConfig } from "../domain/config.ts"
import type { AdviceEnd } from "../domain/ports/advices.ts"
import type { JournalShape } from "../domain/ports/journal.ts"
import type { RandomShape, TimeShape } from "../domain/ports/time.ts"
import type { Ending, UpstreamsShape } from "../domain/ports/upstream.ts"
import type { Sealing } from "../domain/sealing.ts"

/** When no place was free although a link stands, look again after this. */
const placeRetryMs = 200

export interface LaneMeter {
  readonly sent: (upstream: string, repeat: boolean) => void
  readonly ended: (upstream: string, result: AdviceRecord["state"]) => void
  readonly alert: (record: AdviceRecord) => void
}

export interface LaneServices {
  readonly time: TimeShape
  readonly timers: TimersShape
  readonly random: RandomShape
  readonly journal: JournalShape
  readonly upstreams: UpstreamsShape
  readonly sealing: Sealing
  readonly meter: LaneMeter
  readonly ended: (end: AdviceEnd) => void
}

/**
 * Why the reversal is sent, in the code of China UnionPay field 39; other dialects leave it out.
 */
const reasonCodes: Readonly<Record<string, string>> = {
  "upstream-timeout": "98",
  "link-lost": "98",
  restarted: "98",
  "answer-invalid": "06",
  undeliverable: "96",
  "terminal-reversal": "98",
  operator: "06"
}

/** Invalid transaction, record not found: acceptance by hosts that never saw the original. */
const unknownCodes: ReadonlySet<string> = new Set(["12", "25"])

interface Chain {
  record: AdviceRecord
  timer: Timer | undefined
  /** When it was opened, on the monotonic clock: a wall clock that is set ahead ages nobody. */
  readonly bornMs: number
  /** What came of the last attempt that said anything, for people. */
  last: string
}

export class Lane {
  readonly #upstream: string
  readonly #config: AdviceConfig
  readonly #services: LaneServices
  readonly #chains = new Map<TransactionId, Chain>()
  readonly #ready: Array<Chain> = []
  #retry: Timer | undefined

  constructor(upstream: string, config: AdviceConfig, services: LaneServices) {
    this.#upstream = upstream
    this.#config = config
    this.#services = services
  }

  get pending(): number {
    return this.#chains.size
  }

  stanOf(transaction: TransactionId): AdviceRecord["stan"] | undefined {
    return this.#chains.get(transaction)?.record.stan
  }

  start(opened: AdviceRecord): void {
    if (this.#chains.has(opened.transaction)) return
    // Opened while its upstream was not configured, it has no number of that yet.
    const record = Number(opened.stan) === 0
      ? { ...opened, stan: this.#services.upstreams.adviceStan(this.#upstream) }
      : opened
    const { time } = this.#services
    const bornMs = time.monotonicMs() - Math.max(0, time.wallMs() - record.createdMs)
    const last = record.lastResponse ?? "no answer"
    const chain: Chain = { record, timer: undefined, bornMs, last }
    this.#chains.set(record.transaction, chain)
    const waitMs = record.nextMs - time.wallMs()
    if (waitMs <= 0) this.#offer(chain)
    else this.#after(chain, Math.min(waitMs, this.#config.maxMs))
  }

  /** A link stands again, or a place is free: whoever waits may try. */
  resume(): void {
    this.#retry?.cancel()
    this.#retry = undefined
    // Out of the queue before it is sent: an end that is told at once resumes the lane.
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) {
      if (this.#send(next)) continue
      this.#ready.unshift(next)
      return this.#waitForPlace()
    }
  }

  #waitForPlace(): void {
    this.#retry?.cancel()
    this.#retry = this.#services.timers.after(placeRetryMs, () => this.resume())
  }

  #after(chain: Chain, delayMs: number): void {
    chain.timer = this.#services.timers.after(delayMs, () => this.#offer(chain))
  }

  #offer(chain: Chain): void {
    chain.timer = undefined
    this.#ready.push(chain)
    if (this.#ready.length === 1) this.resume()
  }

  /** False: nothing was written, the chain stays where it is in the queue. */
  #send(chain: Chain): boolean {
    const { journal, meter, sealing, time, upstreams } = this.#services
    const { record } = chain
    if (time.monotonicMs() - chain.bornMs > this.#config.expireAfterMs) {
      const { last } = chain
      this.#exhaust(
        chain,
        `no acknowledgement after ${record.attempts} attempts, the last: ${last}`
      )
      return true
    }
    const transaction = journal.get("transactions", record.transaction)
    if (transaction === undefined) {
      this.#exhaust(chain, "the original is not in the journal")
      return true
    }
    const original = transaction.original === undefined
      ? undefined
      : journal.get("transactions", transaction.original)
    const advice = {
      record: transaction,
      ...(original === undefined ? {} : { original }),
      facts: sealing.open(transaction.sealed),
      reason: reasonCodes[record.reason] ?? "06",
      attempt: record.attempts,
      stan: record.stan
    }
    const ended = (ending: Ending) => this.#answered(chain, ending)
    if (buggify("advice-without-place", 0.1)) return false
    chain.record = { ...record, attempts: record.attempts + 1 }
    if (!upstreams.advise(this.#upstream, advice, this.#config.timeoutMs, ended)) {
      chain.record = record
      return false
    }
    journal.note([{ table: "advices", key: record.transaction, value: chain.record }], [])
    meter.sent(this.#upstream, record.attempts > 0)
    if (chain.record.attempts === this.#config.alertAfterAttempts) meter.alert(chain.record)
    return true
  }

  #answered(chain: Chain, ending: Ending): void {
    if (ending._tag === "answered") {
      chain.last = ending.answer.response
      chain.record = { ...chain.record, lastResponse: chain.last }
      if (ending.answer.approved) {
        const unknown = unknownCodes.has(ending.answer.response1987)
        this.#end(chain, { record: { ...chain.record, state: "acknowledged" }, unknown })
        this.resume()
        return
      }
    }
    if (ending._tag === "invalid") chain.last = ending.detail
    if (ending._tag === "unwritten") {
      chain.record = { ...chain.record, attempts: Math.max(0, chain.record.attempts - 1) }
    }
    const delayMs = this.#backoffMs(chain.record.attempts)
    chain.record = { ...chain.record, nextMs: this.#services.time.wallMs() + delayMs }
    this.#after(chain, delayMs)
    if (this.#ready.length > 0) this.resume()
  }

  /**
   * Doubles up to the maximum, and is jittered by a quarter, so that chains do not march in step.
   */
  #backoffMs(attempts: number): number {
    const { firstMs, maxMs } = this.#config
    const full = Math.min(maxMs, firstMs * 2 ** Math.min(20, Math.max(0, attempts - 1)))
    return full * (0.75 + this.#services.random.next() / 4)
  }

  /** Never discarded: what cannot be acknowledged is handed to a human by name. */
  #exhaust(chain: Chain, detail: string): void {
    const record: AdviceRecord = { ...chain.record, state: "exhausted" }
    this.#end(chain, {
      record,
      exception: {
        id: `${record.transaction}:advice-exhausted`,
        transaction: record.transaction,
        reason: "advice-exhausted",
        detail: `${record.kind} to ${record.upstream}: ${detail}`,
        atMs: this.#services.time.wallMs()
      }
    })
  }

  #end(chain: Chain, end: AdviceEnd): void {
    chain.timer?.cancel()
    this.#chains.delete(chain.record.transaction)
    this.#services.upstreams.adviceOver(this.#upstream, chain.record.stan)
    this.#services.meter.ended(this.#upstream, end.record.state)
    this.#services.ended(end)
  }
}
