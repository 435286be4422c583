/** What a link to a security module leaves of its commands: they carry messages and card numbers. */

import { describe, expect, it } from "vitest"
import type { Connection } from "../../src/domain/ports/transport.ts"
import { generateMac, hsmFraming } from "../../src/security/hsm-command.ts"
import { HsmLink } from "../../src/security/hsm-link.ts"

const block = "D0144M3TC00S0000"
const command = () =>
  generateMac({ algorithm: "3", padding: "1", block, bytes: Buffer.from("4012345678909") })

function opened() {
  const written: Array<{ readonly bytes: Uint8Array; readonly left: () => void }> = []
  const turn: Array<() => void> = []
  const connection: Connection = {
    id: 1,
    remote: "127.0.0.1:1",
    write: (bytes, left = () => {}) => {
      written.push({ bytes, left })
      return true
    },
    pendingBytes: () => 0,
    pause: () => {},
    resume: () => {},
    end: () => {},
    leave: () => {},
    destroy: () => link.onClose()
  }
  const defer = (task: () => void) => void turn.push(task)
  const link = new HsmLink(connection, hsmFraming(4), 4, defer, () => {})
  const send = () => {
    const body = command()
    link.send({ body, answered: () => {} })
    return body
  }
  return { link, written, send, endOfTurn: () => turn.splice(0).forEach((task) => task()) }
}

const blank = (bytes: Uint8Array) => bytes.every((byte) => byte === 0)

describe("a command's bytes", () => {
  it.each([1, 3])("are overwritten when they have left, %i in a turn", (count) => {
    const { endOfTurn, send, written } = opened()
    const bodies = Array.from({ length: count }, send)
    endOfTurn()
    expect(bodies.every(blank)).toBe(true)
    expect(written).toHaveLength(1)
    const { bytes, left } = written[0]!
    expect(Buffer.from(bytes).includes("4012345678909")).toBe(true)
    left()
    expect(blank(bytes)).toBe(true)
  })

  it("are overwritten when they never leave", () => {
    const { link, send, written } = opened()
    const body = send()
    link.destroy()
    expect([written.length, blank(body)]).toEqual([0, true])
  })
})
