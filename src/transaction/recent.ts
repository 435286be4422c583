/**
 * The last transactions of each terminal, by transaction key: what makes a repeat a repeat and what
 * a follow-on or a reversal can refer to without asking PostgreSQL. Only keys and references live
 * here; the records are in the journal. Bounded: {@link recentPerTerminal} a terminal.
 */

import type { Draft } from "../domain/draft.ts"
import type { TerminalWindows } from "../domain/ports/journal.ts"
import { RecentWindow, type Remembered } from "./recent-window.ts"

/** Design rule 9: the journal keeps this many per terminal, with their answers. */
export const recentPerTerminal = 32

export class RecentTransactions {
  readonly #windows = new Map<string, RecentWindow>()
  /** Of terminals that have said nothing since the start: as the journal gave them. */
  #unread: TerminalWindows<Remembered> | undefined

  /** Adds the newest; returns what fell out of the window. */
  add(record: Remembered): ReadonlyArray<Remembered> {
    let window = this.window(record.terminal)
    if (window === undefined) {
      window = new RecentWindow([])
      this.#windows.set(record.terminal, window)
    }
    window.add(copied(record))
    return window.cut(recentPerTerminal)
  }

  /** What the journal held when we started; before anything is added. */
  restore(windows: TerminalWindows<Remembered>): void {
    this.#unread = windows
  }

  /** Reads the next window that was restored; returns what is outside of it. */
  readNext(): ReadonlyArray<Remembered> | "all-read" {
    const terminal = this.#unread?.next()
    if (terminal !== undefined) return this.window(terminal)!.cut(recentPerTerminal)
    this.#unread = undefined
    return "all-read"
  }

  /** Undefined: nothing is known of the terminal. */
  window(terminal: string): RecentWindow | undefined {
    const entries = this.#unread?.take(terminal)
    if (entries === undefined || entries.length === 0) return this.#windows.get(terminal)
    const window = new RecentWindow(entries)
    this.#windows.set(terminal, window)
    return window
  }

  /** Newest first. */
  *of(terminal: string): Generator<Remembered> {
    const window = this.window(terminal)
    if (window !== undefined) yield* window.newestFirst()
  }
}

/** Of the record only what the window looks at: the rest is in the journal. */
function copied(record: Remembered): Remembered {
  const { batch, id, key, kind, stan, terminal, walletReference } = record
  const copy: Draft<Remembered> = { id, key, kind, stan, terminal }
  if (batch !== undefined) copy.batch = batch
  if (walletReference !== undefined) copy.walletReference = walletReference
  return copy
}
