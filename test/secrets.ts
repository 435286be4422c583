/**
 * Every clear key of the shipped key store, its master key, and the PINs that simulated customers
 * type: whatever the suite and its switches put out is searched for them. What must hold: the
 * search finds what is there (its own test), and the files that hold the published master key on
 * purpose are not searched.
 */

import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { isFault } from "../src/security/security-fault.ts"
import { pinForms, type Secret, secretForms, SecretSearch } from "../src/simulate/secret-search.ts"
import { testCards, testPin, wrongPin } from "../src/simulate/test-cards.ts"
import { demoMaster, demoStore } from "./security/demo-store.ts"

export function allSecrets(): ReadonlyArray<Secret> {
  const store = demoStore()
  const keys = store.keys.flatMap((key) => {
    const opened = store.unwrap(key)
    if (isFault(opened)) throw new Error(`${key.name}: ${opened.code}`)
    return secretForms(`the key ${key.name}`, opened.key)
  })
  const pins = testCards.flatMap((pan) =>
    [testPin(pan), wrongPin(pan)].flatMap((pin) => pinForms(pan, pin))
  )
  return [...secretForms("the master key", demoMaster()), ...keys, ...pins]
}

/** Throws when a switch left a secret in its logs, journal, database or books. */
export function demandNoSecrets(folder: string): void {
  const search = new SecretSearch(allSecrets())
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name)
    // What was copied for it holds the published ones on purpose.
    if (name.split("/").includes("config") || !statSync(path).isFile()) continue
    search.bytes(name, readFileSync(path))
  }
  if (search.found.length > 0) throw new Error(`in clear:\n${search.found.join("\n")}`)
}
