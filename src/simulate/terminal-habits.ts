/** How a simulated terminal behaves: how often it asks, for what, and what goes wrong with it. */

import type { TerminalKind } from "./terminal-speech.ts"

export interface TerminalHabits {
  /** Mean pause between the end of one transaction and the next. */
  readonly thinkMs: number
  /** How long it waits for an answer; above the switch's own patience. */
  readonly timeoutMs: number
  /** Weights of what it asks for; follow-ons need something to follow. */
  readonly mix: Readonly<Partial<Record<TerminalKind, number>>>
  /** Repeats of an unanswered request before it is reversed. */
  readonly repeats: number
  /** Per transaction: closes and comes back; opens a second connection beside the first. */
  readonly churn: number
  readonly takeover: number
  /** Per question: loses power while it waits, and is away for `awayMs`. */
  readonly powerCut: number
  readonly awayMs: number
  /** Per question: sends it twice, on the same connection. */
  readonly stutter: number
  /** Per question: sends it on a second connection too, at the same moment (N10). */
  readonly twoLines: number
  /** Per question: says on its side that nothing more will come, and waits for the answer (N3). */
  readonly halfClose: number
  /** Per question: reads nothing for `awayMs`, and then what has come meanwhile. */
  readonly slowRead: number
  /** Per question: the customer walks off, and it is reversed before its answer can be there. */
  readonly walkOff: number
  /** Per void and the like: takes its original back at once, beside it. */
  readonly regret: number
  /** Asks this often, while it has nothing else to ask, what waits for it; 0 = never. */
  readonly pollMs: number
  /** Per question: its MAC is wrong, and right when it is asked again. */
  readonly wrongMac: number
  /** Signs on again this often, for new keys; 0 = only when it must. */
  readonly rotateMs: number
  /** Questions after which it closes its batch; Infinity = never. */
  readonly closeAfter: number
  /** Questions after which it stops asking; Infinity = never. */
  readonly questions: number
}

export const calmHabits: TerminalHabits = {
  thinkMs: 1_000,
  timeoutMs: 40_000,
  mix: { sale: 1 },
  repeats: 1,
  churn: 0,
  takeover: 0,
  powerCut: 0,
  awayMs: 5_000,
  stutter: 0,
  twoLines: 0,
  halfClose: 0,
  slowRead: 0,
  pollMs: 0,
  walkOff: 0,
  regret: 0,
  wrongMac: 0,
  rotateMs: 0,
  closeAfter: Number.POSITIVE_INFINITY,
  questions: Number.POSITIVE_INFINITY
}
