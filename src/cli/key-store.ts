/**
 * The key store of a configuration for verbs: opened, changed, written back whole or not at all,
 * and every use of it in an audit log whose lines are chained by their hashes.
 */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, type FileSystem } from "effect"
import { createHash } from "node:crypto"
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs"
import { dirname } from "node:path"
import { keyStoreHome, loadMasterKey } from "../config/key-store-file.ts"
import type { KeyStoreHome } from "../config/key-store-home.ts"
import { Random, Time } from "../domain/ports/time.ts"
import type { AesCheckForm } from "../security/key-check.ts"
import type { KeyAudit, KeyCommandContext, KeyCommandResult } from "../security/key-commands.ts"
import type { ParityPolicy } from "../security/key-material.ts"
import { emptyKeyStore, type KeyStore, openKeyStore } from "../security/key-store.ts"
import { isFault, type SecurityFault } from "../security/security-fault.ts"
import { loadedConfig } from "./configuration.ts"
import { machineClock } from "./machine-clock.ts"
import { type Call, Refusal } from "./verb.ts"

export interface OpenedStore {
  readonly home: KeyStoreHome
  /** What the store was opened from; undefined: it is new. */
  readonly read: Uint8Array | undefined
  readonly store: KeyStore
  readonly auditFile: string
  /** What the configuration says of DES keys that are brought in. */
  readonly parity: ParityPolicy
  readonly aesForm: AesCheckForm
  /** The clock and the randomness of this machine, and who is there. */
  readonly context: (officers: ReadonlyArray<string>) => KeyCommandContext
}

/** A store that is not there yet is an empty one. */
export async function openedStore(call: Call): Promise<OpenedStore> {
  const { keyStore } = (await loadedConfig(call)).config
  const { home, master, read } = await answered(Effect.gen(function*() {
    const found = yield* keyStoreHome(keyStore)
    return {
      home: found,
      master: yield* loadMasterKey(keyStore, found.place),
      read: yield* found.read
    }
  }))
  const store = read === undefined ? emptyKeyStore(master) : openKeyStore(read, master)
  if (isFault(store)) throw new Refusal(3, `${home.place}: ${store.meaning}`)
  const broken = brokenAudit(auditText(keyStore.auditFile))
  if (broken !== undefined) {
    const line = `${keyStore.auditFile}: line ${broken} does not follow from the one before it`
    call.streams.say(`warning: ${line}: it was changed, or its writer was cut off`)
  }
  const { random, time } = await Effect.runPromise(
    Effect.all({ random: Random, time: Time }).pipe(
      Effect.provide(machineClock)
    )
  )
  return {
    home,
    read,
    store,
    auditFile: keyStore.auditFile,
    parity: keyStore.parity,
    aesForm: keyStore.aesCheckValue,
    context: (officers) => ({
      officers,
      wallMs: time.wallMs(),
      random: random.bytes,
      aesForm: keyStore.aesCheckValue
    })
  }
}

/** A master key that a store is to move to: `file:<path>` or `env:<NAME>`; the caller wipes it. */
export function masterKeyAt(reference: string): Promise<Uint8Array> {
  const [, kind, where = ""] = /^(file|env):(.+)$/.exec(reference) ?? []
  if (kind === undefined) throw new Refusal(2, `${reference}: write file:<path> or env:<NAME>`)
  const masterKey = kind === "file" ? { file: where } : { env: where }
  return answered(loadMasterKey({ masterKey }, reference))
}

/** The store in the place of the one that was read. */
export function writeStore({ home, read }: OpenedStore, store: KeyStore): Promise<void> {
  return answered(home.write(read, store))
}

async function answered<A>(
  question: Effect.Effect<A, { readonly advice: string }, FileSystem.FileSystem>
): Promise<A> {
  const result = await Effect.runPromise(
    question.pipe(Effect.provide(NodeFileSystem.layer), Effect.result)
  )
  if (result._tag === "Failure") throw new Refusal(3, result.failure.advice)
  return result.success
}

/** Writes the audit entry, then gives the result or refuses with its meaning. */
export function audited<A>(
  { auditFile }: OpenedStore,
  { audit, result }: KeyCommandResult<A | SecurityFault>
): A {
  appendKeyAudit(auditFile, audit)
  if (isFault(result)) {
    const subject = audit.under === undefined ? audit.key : `${audit.key} under ${audit.under}`
    throw new Refusal(1, `${subject}: ${result.meaning} (${result.code})`)
  }
  return result as A
}

/** A use that came to nothing before the store was asked, or because it could not be written. */
export function auditRefusal(opened: OpenedStore, entry: Omit<KeyAudit, "atMs">): void {
  appendKeyAudit(opened.auditFile, { ...entry, atMs: opened.context([]).wallMs })
}

/**
 * One JSON object a line; `hash` covers the line before and this one, so that none can be lost.
 * After a line that was cut off the chain begins anew, which shows for good.
 */
function appendKeyAudit(file: string, entry: KeyAudit): void {
  mkdirSync(dirname(file), { recursive: true })
  const before = auditText(file)
  const [, previous = ""] = /"hash":"([0-9a-f]{64})"\}\n$/.exec(before) ?? []
  const text = JSON.stringify({ ...entry, previous })
  const hash = createHash("sha256").update(text).digest("hex")
  const start = before === "" || before.endsWith("\n") ? "" : "\n"
  appendFileSync(file, `${start}${text.slice(0, -1)},"hash":"${hash}"}\n`, { mode: 0o600 })
}

function auditText(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : ""
}

/** Number of the first line whose hash does not hold, from 1; undefined when all hold. */
export function brokenAudit(text: string): number | undefined {
  if (text === "") return undefined
  let previous = ""
  const lines = text.trimEnd().split("\n")
  for (const [index, line] of lines.entries()) {
    const match = /^(.*),"hash":"([0-9a-f]{64})"\}$/.exec(line)
    if (match === null) return index + 1
    const content = `${match[1]}}`
    const hash = createHash("sha256").update(content).digest("hex")
    const linked = content.endsWith(`,"previous":"${previous}"}`)
    if (hash !== match[2] || !linked) return index + 1
    previous = hash
  }
  return undefined
}
