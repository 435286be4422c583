/**
 * What a security module behind host commands cannot do, found at load and not at a customer's
 * first message: MACs for which there is no command. Pure; each fault has a path.
 */

import type { MacAlgorithm } from "../domain/ports/security-module.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import type { OnFault } from "../domain/source-fault.ts"
import type { Dialect } from "../iso8583/message.ts"
import type { Settings } from "./loaded.ts"

/** MACs of the payShield-style commands M6 and M8. */
const hostMacs: ReadonlySet<MacAlgorithm["name"]> = new Set([
  "cup-ecb",
  "cup-cbc",
  "x9.9",
  "x9.19",
  "aes-cmac"
])

export function checkModuleLimits(
  { keyStore, listeners, upstreams }: Settings,
  dialects: ReadonlyMap<string, Dialect>,
  terminals: ReadonlyArray<TerminalProfile>,
  fault: OnFault
): void {
  if (keyStore.hsm === undefined) return
  const unmade = (name: string, path: string) => {
    const mac = dialects.get(name)?.mac?.algorithm.name
    if (mac === undefined || hostMacs.has(mac)) return
    fault(path, `${name} has MACs by ${mac}, which no host command of keyStore.hsm makes`)
  }
  listeners.forEach(({ dialect, kind }, index) => {
    if (kind !== "iso8583") return
    const path = `listeners[${index}].dialect`
    unmade(dialect, path)
    const spoken = dialects.get(dialect)
    const device = spoken?.mac === undefined || spoken.pathOf("ksn") === undefined
      ? undefined
      : terminals.find(({ baseKey }) => baseKey !== undefined)
    if (device === undefined) return
    fault(
      path,
      `${dialect} has MACs under DUKPT keys, which no host command of keyStore.hsm makes, and ` +
        `terminal ${device.terminal.trim()} has the base key ${device.baseKey}`
    )
  })
  upstreams.forEach(({ dialect, kind, macKey }, index) => {
    if (kind === "iso8583" && macKey !== undefined) unmade(dialect, `upstreams[${index}].macKey`)
  })
}
