/**
 * The key store of a configuration, opened: its file, and the master key that comes by reference.
 * What must hold: neither key nor file content is in any error.
 */

import { Effect, FileSystem, Redacted, Schema } from "effect"
import type { SwitchConfig } from "../domain/config.ts"
import {
  type KeyStore,
  listedKeys,
  openKeyStore,
  readMasterKey,
  type StoredKey
} from "../security/key-store.ts"
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

/** The blocks that a security module opens itself; none without one. */
export const loadHsmKeys = Effect.fn("loadHsmKeys")(function*(
  { hsm }: SwitchConfig["keyStore"]
): Effect.fn.Return<ReadonlyArray<StoredKey>, KeyStoreUnusable, FileSystem.FileSystem> {
  if (hsm === undefined) return []
  const refuse = (advice: string) => new KeyStoreUnusable({ file: hsm.file, advice })
  const files = yield* FileSystem.FileSystem
  const bytes = yield* files.readFile(hsm.file).pipe(
    Effect.mapError((error) =>
      refuse(`cannot read the key blocks ${hsm.file}: ${error.reason._tag}`)
    )
  )
  const keys = listedKeys(bytes)
  if (isFault(keys)) return yield* refuse(`${hsm.file}: ${keys.meaning}`)
  return keys
})
