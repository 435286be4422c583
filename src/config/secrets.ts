/**
 * Secrets by reference: the configuration says where one is, and it is read when it is used. What
 * must hold: a secret is `Redacted` from the moment it is read, and no error repeats it.
 */

import { Config, Effect, FileSystem, Redacted, Schema } from "effect"
import type { SecretReference } from "../domain/config.ts"

export class SecretMissing extends Schema.TaggedError<SecretMissing>()("SecretMissing", {
  /** `file <path>` or `env <NAME>`. */
  reference: Schema.String,
  /** One line that says what to do. */
  advice: Schema.String
}) {}

/** The text of a secret, without the line end that editors add. */
export const resolveSecret = Effect.fn("resolveSecret")(function*(reference: SecretReference) {
  const secret = "file" in reference ? yield* fromFile(reference.file) : yield* fromEnvironment(
    reference.env
  )
  const name = describeSecret(reference)
  if (Redacted.value(secret) === "") {
    return yield* new SecretMissing({ reference: name, advice: `${name} is empty` })
  }
  return secret
})

const fromFile = Effect.fnUntraced(function*(path: string) {
  const files = yield* FileSystem.FileSystem
  const text = yield* files.readFileString(path).pipe(
    Effect.mapError((error) =>
      new SecretMissing({
        reference: `file ${path}`,
        advice: `cannot read the secret file ${path}: ${error.reason._tag}`
      })
    )
  )
  return Redacted.make(text.replace(/\r?\n$/, ""))
})

const fromEnvironment = Effect.fnUntraced(function*(variable: string) {
  return yield* Config.Redacted(variable).pipe(
    Effect.mapError(() =>
      new SecretMissing({
        reference: `env ${variable}`,
        advice: `set the environment variable ${variable}`
      })
    )
  )
})

/** Says where a secret is, never what it is. */
export function describeSecret(reference: SecretReference): string {
  return "file" in reference ? `file ${reference.file}` : `env ${reference.env}`
}
