/**
 * Every clear key of the shipped key store, its master key, and the PINs that simulated customers
 * type, as bytes and as the texts that bytes are printed in: whatever the suite and its switches
 * put out is searched for them. What must hold: the search finds what is there (its own test), and
 * the files that hold the published master key on purpose are not searched.
 */

import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { isFault } from "../src/security/security-fault.ts"
import { testCards, testPin, wrongPin } from "../src/simulate/test-cards.ts"
import { demoMaster, demoStore } from "./security/demo-store.ts"

interface Secret {
  readonly name: string
  readonly bytes: Buffer
}

/** Bytes, and their hex in either case and base64. */
function forms(name: string, bytes: Uint8Array): ReadonlyArray<Secret> {
  const raw = Buffer.from(bytes)
  const text = (form: string) => ({ name: `${name} as text`, bytes: Buffer.from(form, "latin1") })
  return [
    { name, bytes: raw },
    text(raw.toString("hex")),
    text(raw.toString("hex").toUpperCase()),
    text(raw.toString("base64").replace(/=+$/, ""))
  ]
}

/** The PIN field of formats 0 and 3, that joined with the card number, and that of format 4. */
function pinForms(pan: string, pin: string): ReadonlyArray<Secret> {
  const start = pin.length.toString(16) + pin
  const field = Buffer.from(`0${start}`.padEnd(16, "f"), "hex")
  const card = Buffer.from(`0000${pan.slice(-13, -1)}`, "hex")
  const joined = field.map((byte, at) => byte ^ card[at]!)
  const long = Buffer.from(`4${start}`.padEnd(16, "a"), "hex")
  // Nothing but zeros and ones in a row stands in many a file by chance.
  const alone = /^0+$/.test(pin) ? [] : [field, long]
  return [joined, ...alone].flatMap((bytes) => forms(`a PIN of ${pan.slice(-4)}`, bytes))
}

export function allSecrets(): ReadonlyArray<Secret> {
  const store = demoStore()
  const keys = store.keys.flatMap((key) => {
    const opened = store.unwrap(key)
    if (isFault(opened)) throw new Error(`${key.name}: ${opened.code}`)
    return forms(`the key ${key.name}`, opened.key)
  })
  const pins = testCards.flatMap((pan) =>
    [testPin(pan), wrongPin(pan)].flatMap((pin) => pinForms(pan, pin))
  )
  return [...forms("the master key", demoMaster()), ...keys, ...pins]
}

/** Looks for all secrets in one pass: what begins like one of them is compared. */
export class SecretSearch {
  readonly #byStart = new Map<number, Array<Secret>>()
  readonly #starts = new Uint8Array(65_536)
  readonly found: Array<string> = []
  searched = 0

  constructor(secrets: ReadonlyArray<Secret> = allSecrets()) {
    for (const secret of secrets) {
      const start = secret.bytes.readUInt16BE(0)
      this.#starts[start] = 1
      const same = this.#byStart.get(start) ?? []
      same.push(secret)
      this.#byStart.set(start, same)
    }
  }

  bytes(place: string, bytes: Buffer): void {
    this.searched += bytes.length
    let start = bytes[0] ?? 0
    for (let at = 1; at < bytes.length; at++) {
      start = (start & 0xff) << 8 | bytes[at]!
      if (this.#starts[start] === 0) continue
      for (const { bytes: secret, name } of this.#byStart.get(start)!) {
        const end = at - 1 + secret.length
        if (end <= bytes.length && bytes.compare(secret, 0, secret.length, at - 1, end) === 0) {
          this.found.push(`${name} in ${place} at ${at - 1}`)
        }
      }
    }
  }

  /** All files below, but those below a folder of this name. */
  folder(folder: string, except: string): void {
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const path = join(folder, name)
      if (name.split("/").includes(except) || !statSync(path).isFile()) continue
      this.bytes(name, readFileSync(path))
    }
  }
}

/** Throws when a switch left a secret in its logs, journal, database or books. */
export function demandNoSecrets(folder: string): void {
  const search = new SecretSearch()
  search.folder(folder, "config")
  if (search.found.length > 0) throw new Error(`in clear:\n${search.found.join("\n")}`)
}
