/** The key of card tokens, read once at the start; without one there are no tokens. */

import { Effect, type FileSystem, Redacted } from "effect"
import type { LedgerConfig } from "../domain/config.ts"
import { panTokens } from "../security/pan-token.ts"
import { describeSecret, resolveSecret, SecretMissing } from "./secrets.ts"

export const loadPanTokens = Effect.fn("loadPanTokens")(function*(
  { panToken }: Pick<LedgerConfig, "panToken">
): Effect.fn.Return<
  ((pan: string) => string) | undefined,
  SecretMissing,
  FileSystem.FileSystem
> {
  if (panToken === undefined) return undefined
  const tokens = panTokens(Redacted.value(yield* resolveSecret(panToken)))
  if (tokens !== undefined) return tokens
  const reference = describeSecret(panToken)
  return yield* new SecretMissing({
    reference,
    advice: `ledger.panToken: ${reference} must hold 64 hex digits (openssl rand -hex 32)`
  })
})
