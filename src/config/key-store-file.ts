/**
 * The key store of a configuration, opened: its file, and the master key that comes by reference.
 * What must hold: neither key nor file content is in any error.
 */

import { Effect, FileSystem, Redacted, Schema } from "effect"
import type { SwitchConfig } from "../domain/config.ts"
import { type KeyStore, openKeyStore, readMasterKey } from "../security/key-store.ts"
import { isFault } from "../security/security-fault.ts"
import { describeSecret, resolveSecret, type SecretMissing } from "./secrets.ts"

export class KeyStoreUnusable extends Schema.TaggedError<KeyStoreUnusable>()("KeyStoreUnusable", {
  file: Schema.String,
  /** One line that says what to do. */
  advice: Schema.String
}) {}

export const loadKeyStore = Effect.fn("loadKeyStore")(function*(
  keyStore: SwitchConfig["keyStore"]
): Effect.fn.Return<KeyStore, KeyStoreUnusable | SecretMissing, FileSystem.FileSystem> {
  const { file, masterKey } = keyStore
  const refuse = (advice: string) => new KeyStoreUnusable({ file, advice })
  const secret = yield* resolveSecret(masterKey)
  const master = readMasterKey(Redacted.value(secret))
  if (isFault(master)) {
    return yield* refuse(`${describeSecret(masterKey)} holds no master key (${master.code})`)
  }
  const files = yield* FileSystem.FileSystem
  const bytes = yield* files.readFile(file).pipe(
    Effect.mapError((error) => refuse(`cannot read the key store ${file}: ${error.reason._tag}`))
  )
  const store = openKeyStore(bytes, master)
  if (isFault(store)) {
    return yield* refuse(`the key store ${file} does not open (${store.code}): wrong master key?`)
  }
  return store
})
