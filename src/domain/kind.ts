/** What a message asks for, in words every dialect is translated into. */

export const kinds = [
  "sale",
  "void",
  "refund",
  "preauth",
  "preauth-cancel",
  "completion",
  "completion-void",
  "completion-advice",
  "offline-sale",
  "adjustment",
  "balance",
  "inquiry",
  "reversal",
  "script-result",
  "batch-upload",
  "settlement",
  "sign-on",
  "sign-off",
  "echo",
  "download",
  "status-upload",
  "poll"
] as const

export type Kind = typeof kinds[number]

/** Kinds that the switch answers itself and that never reach an upstream. */
export const managementKinds: ReadonlySet<Kind> = new Set([
  "sign-on",
  "sign-off",
  "echo",
  "download",
  "status-upload",
  "poll",
  "settlement",
  "batch-upload",
  "script-result"
])

/** Kinds whose loss after forwarding leaves money in doubt, so that a reversal chain is owed. */
export const reversibleKinds: ReadonlySet<Kind> = new Set([
  "sale",
  "void",
  "preauth",
  "preauth-cancel",
  "completion",
  "completion-void"
])

/** Kinds that refer to an earlier transaction and go to its upstream. */
export const followOnKinds: ReadonlySet<Kind> = new Set([
  "void",
  "refund",
  "preauth-cancel",
  "completion",
  "completion-void",
  "adjustment",
  "reversal"
])
