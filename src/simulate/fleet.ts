/**
 * Many simulated terminals as one: started spread out, counted together, brought to an end. What
 * must hold: after `finish` nothing is open, or it says how much is.
 */

import { Effect } from "effect"
import type { TimersShape } from "../actor/timers.ts"
import type { TimeShape } from "../domain/ports/time.ts"
import type { TerminalBook, TerminalOutcome } from "./book.ts"
import { type KeyCounts, noKeyCounts } from "./terminal-keys.ts"
import type { Terminal } from "./terminal.ts"

/**
 * Connects of one fleet a second while it starts, and how many may be on their way at once: a
 * thousand full handshakes at a time would take longer than any of them waits.
 */
const startsPerSecond = 400
const startingAtOnce = 100
const lookMs = 50
/** Latencies are counted in steps of two per cent. */
const growth = Math.log(1.02)

export class Fleet {
  readonly #time: TimeShape
  readonly #timers: TimersShape
  /** What its terminals have seen of their keys. */
  readonly keys: KeyCounts = noKeyCounts()
  readonly #terminals: Array<Terminal> = []
  readonly #latencies = new Map<number, number>()
  #answers = 0
  #pushes = 0
  #repeatedPushes = 0
  #balanced = 0
  #unbalanced = 0
  #startedMs = 0

  constructor(time: TimeShape, timers: TimersShape) {
    this.#time = time
    this.#timers = timers
  }

  add(terminal: Terminal): void {
    this.#terminals.push(terminal)
  }

  closed(isBalanced: boolean): void {
    if (isBalanced) this.#balanced++
    else this.#unbalanced++
  }

  pushed(isNew: boolean): void {
    if (isNew) this.#pushes++
    else this.#repeatedPushes++
  }

  heard(latencyMs: number): void {
    this.#answers++
    const step = Math.floor(Math.log(Math.max(0.01, latencyMs)) / growth)
    this.#latencies.set(step, (this.#latencies.get(step) ?? 0) + 1)
  }

  start(): void {
    this.#startedMs = this.#time.monotonicMs()
    this.#startSome(0)
  }

  #startSome(from: number): void {
    const started = this.#terminals.slice(0, from)
    const starting = started.filter((terminal) => terminal.isStarting).length
    const room = Math.min(startsPerSecond * lookMs / 1000, startingAtOnce - starting)
    const to = from + Math.max(0, room)
    for (const terminal of this.#terminals.slice(from, to)) terminal.start()
    if (to < this.#terminals.length) this.#timers.after(lookMs, () => this.#startSome(to))
  }

  /** Completes when every terminal has asked all that it wanted to. */
  get finished(): Effect.Effect<void> {
    const terminals = this.#terminals
    return Effect.gen(function*() {
      while (terminals.some((terminal) => !terminal.isQuiet)) yield* Effect.sleep(lookMs)
    })
  }

  /** Nothing new is asked; gives how many still have something open after `withinMs`. */
  finish(withinMs: number): Effect.Effect<number> {
    const terminals = this.#terminals
    return Effect.gen(function*() {
      for (const terminal of terminals) terminal.stop()
      for (let waitedMs = 0; waitedMs < withinMs; waitedMs += lookMs) {
        if (terminals.every((terminal) => terminal.isQuiet)) break
        yield* Effect.sleep(lookMs)
      }
      const left = terminals.filter((terminal) => !terminal.isQuiet).length
      for (const terminal of terminals) terminal.close()
      return left
    })
  }

  /** Milliseconds below which this share of the answers came. */
  quantileMs(share: number): number {
    const steps = [...this.#latencies].sort(([a], [b]) => a - b)
    let seen = 0
    for (const [step, count] of steps) {
      seen += count
      if (seen >= share * this.#answers) return Number(Math.exp((step + 1) * growth).toFixed(2))
    }
    return 0
  }

  summary(book: TerminalBook): Readonly<Record<string, number>> {
    const outcomes: Record<TerminalOutcome, number> = {
      approved: 0,
      declined: 0,
      refused: 0,
      none: 0,
      open: 0
    }
    let reversals = 0
    for (const entry of book.entries.values()) {
      outcomes[entry.outcome]++
      if (entry.reversal === "acknowledged") reversals++
    }
    return {
      terminals: this.#terminals.length,
      asked: book.entries.size,
      ...outcomes,
      reversals,
      pushes: this.#pushes,
      repeatedPushes: this.#repeatedPushes,
      balanced: this.#balanced,
      unbalanced: this.#unbalanced,
      ...this.keys,
      seconds: Number(((this.#time.monotonicMs() - this.#startedMs) / 1000).toFixed(1)),
      p50Ms: this.quantileMs(0.5),
      p99Ms: this.quantileMs(0.99),
      p999Ms: this.quantileMs(0.999)
    }
  }
}
