/** The key store under `config/`, opened with its test master key. */

import { readFileSync } from "node:fs"
import { type KeyStore, openKeyStore, readMasterKey } from "../../src/security/key-store.ts"
import { isFault } from "../../src/security/security-fault.ts"

export function demoMaster(): Uint8Array {
  const master = readMasterKey(readFileSync("config/test-master-key.hex", "utf8"))
  if (isFault(master)) throw new Error(master.code)
  return master
}

export function demoStore(): KeyStore {
  const store = openKeyStore(readFileSync("config/keys.test.json"), demoMaster())
  if (isFault(store)) throw new Error(store.code)
  return store
}
