/**
 * The key store of a configuration, opened: its home, and the master key that comes by reference.
 * What must hold: neither key nor file content is in any error.
 */

import { Effect, FileSystem, Redacted } from "effect"
import type { SwitchConfig } from "../domain/config.ts"
import {
  type KeyStore,
  listedKeys,
  openKeyStore,
  readMasterKey,
  type StoredKey
} from "../security/key-store.ts"
import { isFault } from "../security/security-fault.ts"
import { keyFile, type KeyStoreHome, KeyStoreUnusable } from "./key-store-home.ts"
import { keyTable } from "./key-store-table.ts"
import { describeSecret, resolveSecret, type SecretMissing } from "./secrets.ts"

/** A file, or a database where the configuration names one. */
export const keyStoreHome = (
  { file, url }: SwitchConfig["keyStore"]
): Effect.Effect<KeyStoreHome, never, FileSystem.FileSystem> =>
  Effect.map(
    FileSystem.FileSystem,
    (files) => url === undefined ? keyFile(file, files) : keyTable(url)
  )

export const loadKeyStore = Effect.fn("loadKeyStore")(function*(
  keyStore: SwitchConfig["keyStore"]
): Effect.fn.Return<KeyStore, KeyStoreUnusable | SecretMissing, FileSystem.FileSystem> {
  const home = yield* keyStoreHome(keyStore)
  const { place } = home
  const master = yield* loadMasterKey(keyStore, place)
  const bytes = yield* home.read
  if (bytes === undefined) {
    return yield* refuse(
      place,
      `there is no key store in ${place}: make one with \`keys generate\``
    )
  }
  const store = openKeyStore(bytes, master)
  if (isFault(store)) {
    return yield* refuse(
      place,
      `the key store ${place} does not open (${store.code}): wrong master key?`
    )
  }
  return store
})

export const loadMasterKey = Effect.fnUntraced(function*(
  { masterKey }: Pick<SwitchConfig["keyStore"], "masterKey">,
  place: string
): Effect.fn.Return<Uint8Array, KeyStoreUnusable | SecretMissing, FileSystem.FileSystem> {
  const secret = yield* resolveSecret(masterKey)
  const master = readMasterKey(Redacted.value(secret))
  if (!isFault(master)) return master
  return yield* refuse(
    place,
    `${describeSecret(masterKey)} holds no master key (${master.code}): 32 bytes in hex`
  )
})

const refuse = (place: string, advice: string) => new KeyStoreUnusable({ place, advice })

/** The blocks that a security module opens itself; none without one. */
export const loadHsmKeys = Effect.fn("loadHsmKeys")(function*(
  { hsm }: SwitchConfig["keyStore"]
): Effect.fn.Return<ReadonlyArray<StoredKey>, KeyStoreUnusable, FileSystem.FileSystem> {
  if (hsm === undefined) return []
  const files = yield* FileSystem.FileSystem
  const bytes = yield* files.readFile(hsm.file).pipe(
    Effect.mapError((error) =>
      refuse(hsm.file, `cannot read the key blocks ${hsm.file}: ${error.reason._tag}`)
    )
  )
  const keys = listedKeys(bytes)
  if (isFault(keys)) return yield* refuse(hsm.file, `${hsm.file}: ${keys.meaning}`)
  return keys
})
