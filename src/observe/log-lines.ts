/**
 * Log lines: one JSON object a line, written in batches by whoever may touch the machine. What must
 * hold: nothing in a line is a card number (text that looks like one is masked), logging never
 * waits, and a reader that stops costs lines, which are counted, but never memory.
 */

import { maskedJson } from "../domain/masked-json.ts"
import { maskLongRuns } from "../domain/pan.ts"

export type LogLevel = "debug" | "info" | "warn" | "error"

/** Values of a line: anything JSON can say. */
export type LogFields = Readonly<Record<string, unknown>>

/** Takes some bytes and says when they are gone; false: they cannot be written. */
export type LogSink = (bytes: Buffer, done: (written: boolean) => void) => void

interface LogLinesOptions {
  readonly wallMs: () => number
  /** Runs a task once after the current turn: lines of one turn leave together. */
  readonly defer: (task: () => void) => void
  readonly sink: LogSink
  readonly least: LogLevel
  readonly dropped: (lines: number) => void
}

/** Of a kind that may come by the thousand, a line this often says how many there were. */
export const seldomMs = 1000
/** Kinds that are told apart; those beyond are written like any other line. */
const seldomKinds = 1024

/** Bytes that may wait for the sink; above, lines are dropped. */
export const maxWaitingBytes = 1024 * 1024

const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

export class LogLines {
  readonly #options: LogLinesOptions
  #waiting: Array<string> = []
  #waitingBytes = 0
  #scheduled = false
  #writing = false
  #dropped = 0
  readonly #seldom = new Map<string, { atMs: number; unsaid: number }>()

  constructor(options: LogLinesOptions) {
    this.#options = options
  }

  isOn(level: LogLevel): boolean {
    return rank[level] >= rank[this.#options.least]
  }

  /** `event` is a stable name in kebab case; the rest are its facts. */
  write(level: LogLevel, event: string, fields: LogFields = {}): void {
    if (!this.isOn(level)) return
    const time = new Date(this.#options.wallMs()).toISOString()
    this.#add(`${maskLongRuns(maskedJson({ time, level, event, ...fields }))}\n`)
  }

  /**
   * As `write`, for what strangers can make happen as often as they like: the first of its kind at
   * once, then one line a second at most, which says how many before it are `unsaid`. Its facts
   * are few and of a few values, because they are its kind.
   */
  writeSeldom(level: LogLevel, event: string, fields: Readonly<Record<string, string>>): void {
    if (!this.isOn(level)) return
    let kind = event
    for (const name in fields) kind += `\n${fields[name]}`
    const nowMs = this.#options.wallMs()
    const last = this.#seldom.get(kind)
    if (last === undefined) {
      if (this.#seldom.size < seldomKinds) this.#seldom.set(kind, { atMs: nowMs, unsaid: 0 })
      return this.write(level, event, fields)
    }
    // A clock that was set back must not silence anything.
    if (nowMs >= last.atMs && nowMs - last.atMs < seldomMs) {
      last.unsaid++
      return
    }
    this.write(level, event, last.unsaid === 0 ? fields : { ...fields, unsaid: last.unsaid })
    last.atMs = nowMs
    last.unsaid = 0
  }

  #add(line: string): void {
    if (this.#waitingBytes + line.length > maxWaitingBytes) {
      this.#dropped++
      this.#options.dropped(1)
      return
    }
    this.#waiting.push(line)
    this.#waitingBytes += line.length
    if (this.#scheduled || this.#writing) return
    this.#scheduled = true
    this.#options.defer(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#writing || this.#waiting.length === 0) return
    const bytes = Buffer.from(this.#waiting.join(""))
    const lines = this.#waiting.length
    this.#waiting = []
    this.#writing = true
    this.#options.sink(bytes, (written) => {
      this.#writing = false
      this.#waitingBytes = this.#waiting.reduce((sum, line) => sum + line.length, 0)
      if (!written) this.#options.dropped(lines)
      this.#sayDropped()
      this.#flush()
    })
  }

  #sayDropped(): void {
    const count = this.#dropped
    if (count === 0) return
    this.#dropped = 0
    this.write("warn", "log-lines-dropped", { count })
  }
}
