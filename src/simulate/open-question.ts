/** A question that a simulated terminal has not done with, kept as by a real one: across power. */

import type { TerminalEntry } from "./book.ts"
import type { Question } from "./terminal-speech.ts"

export interface OpenQuestion {
  readonly entry: TerminalEntry
  readonly question: Question
  repeatsLeft: number
  readonly askedMs: number
  /** It will be reversed, for this reason (China UnionPay field 39); asking it again is over. */
  reversing: string | undefined
  /** What it undoes is to be reversed next, until that is acknowledged. */
  readonly regretted: Question | undefined
}

export function asked(
  question: Question,
  entry: TerminalEntry,
  repeatsLeft: number,
  askedMs: number,
  isRegretted: boolean
): OpenQuestion {
  const regretted = isRegretted ? question.undoes : undefined
  return { entry, question, repeatsLeft, askedMs, reversing: undefined, regretted }
}

/** Answered long ago, and to be taken back. */
export function toReverse(question: Question, askedMs: number): OpenQuestion {
  const { entry } = question
  return { entry, question, repeatsLeft: 0, askedMs, reversing: "98", regretted: undefined }
}

/** A terminal reverses by itself what it asked just now, never what a host may have forgotten. */
const recentNumbers = 8

export function undoesRecent({ entry, undoes }: Question): boolean {
  if (undoes === undefined) return false
  const numbers = Number(entry.stan) - Number(undoes.entry.stan)
  return (numbers + 1_000_000) % 1_000_000 <= recentNumbers
}
