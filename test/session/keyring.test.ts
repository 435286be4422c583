/** The keys before a rotation are let go of when their grace is over, whether or not anybody asks. */

import { describe, expect, it } from "vitest"
import type { KeyHandle, TerminalId } from "../../src/domain/brand.ts"
import type { JournalShape } from "../../src/domain/ports/journal.ts"
import type { SecurityModuleShape } from "../../src/domain/ports/security-module.ts"
import { Keyring } from "../../src/session/keyring.ts"

const terminal = "T0000001" as TerminalId
const graceMs = 60_000

function ring() {
  const released: Array<number> = []
  const due: Array<() => void> = []
  const journal = { get: () => undefined } as Partial<JournalShape> as JournalShape
  const security = {
    install: (block) => block[0] as KeyHandle,
    release: (handle) => void released.push(handle)
  } as Partial<SecurityModuleShape> as SecurityModuleShape
  const seed = () => ({ mac: Uint8Array.of(1), pin: Uint8Array.of(2) })
  const keys = new Keyring(journal, security, seed, graceMs, (delayMs, fire) => {
    expect(delayMs).toBe(graceMs)
    due.push(fire)
    return { cancel: () => void due.splice(due.indexOf(fire), 1) }
  })
  const rotate = (number: number) => keys.rotated(terminal, { mac: Uint8Array.of(number) })
  return { due, keys, released, rotate }
}

describe("the keys before a rotation", () => {
  it("go when their grace is over, though nobody asks for them", () => {
    const { due, keys, released, rotate } = ring()
    keys.pin(terminal)
    rotate(3)
    expect([keys.previousMac(terminal), released]).toEqual([1, []])
    for (const fire of due.slice()) fire()
    expect([keys.previousMac(terminal), released]).toEqual([undefined, [1, 2]])
  })

  it("go at the next rotation, and the grace of those after them is their own", () => {
    const { due, keys, released, rotate } = ring()
    rotate(3)
    rotate(4)
    expect([released, due.length]).toEqual([[1], 1])
    for (const fire of due.slice()) fire()
    expect([released, keys.mac(terminal)]).toEqual([[1, 3], 4])
  })
})
