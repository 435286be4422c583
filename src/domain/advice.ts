/** Store-and-forward: what must reach an upstream sooner or later, and the state of trying. */

import type { Stan, TransactionId } from "./brand.ts"
import type { FailureCode } from "./failures.ts"

type AdviceKind = "reversal" | "completion-advice" | "wallet-undo"

/**
 * One chain. It exists from the commit that wrote `timed-out` (or from the terminal's own
 * reversal) until the upstream acknowledges, or until a human takes it from the exceptions.
 */
export interface AdviceRecord {
  /** The transaction that is reversed; at most one chain a transaction (I3). */
  readonly transaction: TransactionId
  readonly kind: AdviceKind
  /** Always the upstream that saw the original. */
  readonly upstream: string
  readonly reason: FailureCode | "terminal-reversal" | "operator"
  readonly stan: Stan
  /**
   * How often it was handed to a socket. The first is 0420, later ones 0421 where the dialect
   * says.
   */
  readonly attempts: number
  readonly createdMs: number
  /** Not before this wall time; deadlines within a run are monotonic. */
  readonly nextMs: number
  readonly state: "pending" | "acknowledged" | "exhausted"
  readonly lastResponse?: string
}
