/**
 * Which keys a simulated terminal has, by its profile: those of a download under its master key, or
 * of DUKPT where its profile names a base key and its dialect has a field for the serial number.
 */

import type { TerminalProfile } from "../domain/ports/terminals.ts"
import type { RandomShape } from "../domain/ports/time.ts"
import type { Dialect } from "../iso8583/message.ts"
import type { CipherCache } from "../security/cipher-cache.ts"
import type { KeyStore } from "../security/key-store.ts"
import { isFault } from "../security/security-fault.ts"
import { downloadOpener } from "./download-opener.ts"
import { DukptKeys } from "./dukpt-keys.ts"
import { type KeyCounts, TerminalKeys, type TerminalSecurity } from "./terminal-keys.ts"

export interface FleetKeys {
  readonly dialect: Dialect
  readonly store: KeyStore
  /** Of the whole fleet. */
  readonly cache: CipherCache
  readonly counts: KeyCounts
  readonly random: RandomShape
  /** Of all its terminals so far: a later run must not use a serial number again. */
  readonly lastCount: number
}

/** `index` counts the terminals from 0; undefined when the profile names no key that is there. */
export function keysOf(
  { baseKey, masterKey, pinFormat }: TerminalProfile,
  index: number,
  { cache, counts, dialect, lastCount, random, store }: FleetKeys
): TerminalSecurity | undefined {
  if (dialect.mac === undefined) return undefined
  const entry = baseKey === undefined || dialect.pathOf("ksn") === undefined
    ? undefined
    : store.current(baseKey)
  const base = entry === undefined ? undefined : store.unwrap(entry)
  if (base !== undefined && !isFault(base)) {
    const format = pinFormat ?? 0
    return new DukptKeys({ dialect, base, device: index + 1, format, random, counts, lastCount })
  }
  return masterKey === undefined
    ? undefined
    : new TerminalKeys(cache, index + 1, dialect, downloadOpener(store, masterKey), counts)
}
