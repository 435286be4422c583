/** What the bench says to a generator process and hears from it, over the IPC channel. */

import type { Step } from "./plan.ts"

/** A terminal the switch knows, with the key its messages are signed with (hex). */
export interface TerminalKey {
  readonly terminal: string
  readonly merchant: string
  /** 8 or 16 bytes. Replaced by the one that the sign-on brings, where it brings one. */
  macKey: string
  /** Terminal master key (hex): opens the keys that the sign-on brings. */
  readonly masterKey: string
}

export interface OpenOrder {
  readonly ask: "open"
  readonly port: number
  /** How many loopback addresses the connections come from: 127.0.0.1 upwards. */
  readonly sources: number
  readonly perSecond: number
  readonly keys: ReadonlyArray<TerminalKey>
  readonly signOn: boolean
}

export interface RunOrder {
  readonly ask: "run"
  readonly steps: ReadonlyArray<Step>
  readonly seed: number
  /** This process's share of the plan. */
  readonly part: number
  readonly parts: number
  /** Six digits; a new one for each run, so that STANs may begin again. */
  readonly batch: string
  readonly verifyMacs: boolean
  readonly book?: string
}

export type Order = OpenOrder | RunOrder | { readonly ask: "go" } | { readonly ask: "quit" }

/** The measured part of one step, as one generator saw it. */
export interface StepReport {
  readonly ratePerSecond: number
  readonly planned: number
  readonly sent: number
  /** Sent more than the limit after the planned moment: the generator's own fault. */
  readonly late: number
  /** Not sent, because the terminal still waited for its last answer: the system's fault. */
  readonly busy: number
  readonly answered: number
  readonly approved: number
  /** HdrHistogram of microseconds from the planned moment to the last byte of the answer. */
  readonly histogram: string
}

export interface RunReport {
  readonly tell: "report"
  /** Of the whole run, warm-up included. */
  readonly sent: number
  readonly answered: number
  /** Frames that no terminal was waiting for. */
  readonly strays: number
  readonly macsSampled: number
  readonly wrongMacs: number
  readonly frameBytes: number
  readonly steps: ReadonlyArray<StepReport>
}

export type Tell =
  | RunReport
  | { readonly tell: "opened"; readonly sessions: number }
  | { readonly tell: "signed"; readonly count: number }
  | { readonly tell: "measured" }
  | { readonly tell: "driven" }
  | { readonly tell: "failed"; readonly why: string }
