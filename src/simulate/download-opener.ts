/** Opens key downloads as a terminal does: under its master key, checking the check values. */

import { readDownload, unionPayShape } from "../security/key-download.ts"
import type { KeyStore } from "../security/key-store.ts"
import { isFault } from "../security/security-fault.ts"
import type { OpenDownload } from "./terminal-keys.ts"

/** Gives MAC and PIN key of a China UnionPay field 62 (protocol facts §1.8), or undefined. */
export function downloadOpener(store: KeyStore, masterKey: string): OpenDownload {
  const current = store.current(masterKey)
  const master = current === undefined ? undefined : store.unwrap(current)
  return (download) => {
    const shape = unionPayShape(download.length)
    if (shape === undefined || master === undefined || isFault(master)) return undefined
    const keys = readDownload(shape, master.key, download)
    if (isFault(keys) || keys.mac === undefined || keys.pin === undefined) return undefined
    return { mac: keys.mac, pin: keys.pin }
  }
}
