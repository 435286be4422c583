/** Under which keys a message stands: working keys before and after a rotation, or DUKPT's. */

import { Effect, Layer } from "effect"
import { describe, expect, it } from "vitest"
import type { KeyHandle } from "../../src/domain/brand.ts"
import type { FailureCode } from "../../src/domain/failures.ts"
import { SecurityModule } from "../../src/domain/ports/security-module.ts"
import { sale, signOn } from "./messages.ts"
import { Place, profile } from "./place.ts"

const byMac = profile("T0000001", { identity: "mac", macRequired: true, masterKey: "tmk-demo" })
const block = "0011223344556677"

describe("the key of a PIN block", () => {
  const seedKeys = () => ({ mac: Buffer.from("k7"), pin: Buffer.from("k8") })

  function pins(place: Place) {
    return place.submitted.map(({ submission }) => submission.pin)
  }

  it("is the terminal's current one, and after a rotation the old one with the old MAC", () => {
    const place = new Place({ profiles: [byMac], hooks: { seedKeys } })
    const caller = place.connect()
    caller.say(sale("T0000001", "000001", { 52: block, 64: "mac-7" }))
    place.settle()
    caller.say(signOn("T0000001", { 70: "003" }))
    place.settle()
    caller.say(sale("T0000001", "000002", { 52: block, 64: "mac-7" }))
    place.settle()
    caller.say(sale("T0000001", "000003", { 52: block, 64: "mac-100" }))
    place.settle()
    expect(pins(place)).toEqual([{ format: 0, key: 8 }, { format: 0, key: 8 }, {
      format: 0,
      key: 100
    }])
  })

  it("goes with the format of the profile, and only where there are a block and a key", () => {
    const keyless = profile("T0000002", { macRequired: false, identity: "sign-on" })
    const place = new Place({
      profiles: [{ ...byMac, pinFormat: 3 }, keyless],
      hooks: { seedKeys: (terminal) => terminal === byMac.terminal ? seedKeys() : undefined }
    })
    const caller = place.connect()
    caller.say(sale("T0000001", "000001", { 52: block, 64: "mac-7" }))
    caller.say(sale("T0000001", "000002", { 64: "mac-7" }))
    place.settle()
    const other = place.connect("10.0.0.2:1")
    other.say(signOn("T0000002"), sale("T0000002", "000003", { 52: block }))
    place.settle()
    expect(pins(place)).toEqual([{ format: 3, key: 8 }, undefined, undefined])
  })
})

describe("the keys that DUKPT derives", () => {
  const serial = "FFFF9876543210E00001"
  const terminal = { ...byMac, baseKey: "bdk-demo" }

  /** Derives 501 for requests and 502 for responses, and tells what is held. */
  function dukpt(failure?: FailureCode) {
    const asked: Array<string> = []
    const held: Array<number> = []
    const security = Layer.succeed(SecurityModule, {
      place: "software",
      install: (bytes) => Number(Buffer.from(bytes).toString().slice(1)) as KeyHandle,
      derive: (baseKey, bytes, use) => {
        asked.push(`${baseKey} ${Buffer.from(bytes).toString("hex").toUpperCase()} ${use}`)
        if (failure !== undefined) return failure
        const handle = use === "mac-request" ? 501 : 502
        held.push(handle)
        return handle as KeyHandle
      },
      release: (handle) => void held.splice(held.indexOf(handle), 1),
      onForgotten: () => () => {},
      exportToWorker: () => undefined,
      makeMac: (_, __, ___, done) => done(undefined),
      translatePin: (_, done) => done("pin-refused"),
      issueWorkingKeys: () => Effect.fail("key-missing" as const)
    })
    const place = new Place({
      profiles: [terminal],
      security,
      hooks: { seedKeys: () => ({ mac: Buffer.from("k7"), pin: Buffer.from("k8") }) }
    })
    return { asked, held, place }
  }

  it("judge the message, name its PIN's key and seal the answer, and are let go", () => {
    const { asked, held, place } = dukpt()
    const caller = place.connect()
    caller.say(sale("T0000001", "000001", { 52: block, 53: serial, 64: "mac-501" }))
    place.settle()
    expect(place.submitted[0]?.submission.pin).toEqual({
      format: 0,
      baseKey: "bdk-demo",
      serial: Buffer.from(serial, "hex")
    })
    place.submitted[0]!.answer()
    place.settle()
    expect(caller.last()).toMatchObject({ 39: "00", 64: "mac-502" })
    expect(asked).toEqual([
      `bdk-demo ${serial} mac-request`,
      `bdk-demo ${serial} mac-response`
    ])
    expect(held).toEqual([])
  })

  it("are the only ones for a message that names its serial number", () => {
    const { held, place } = dukpt()
    const caller = place.connect()
    caller.say(sale("T0000001", "000001", { 53: serial, 64: "mac-7" }))
    place.settle()
    expect([caller.last()?.["39"], place.submitted.length]).toEqual(["A0", 0])
    caller.say(sale("T0000001", "000002", { 64: "mac-7" }))
    place.settle()
    expect(place.submitted).toHaveLength(1)
    expect(held).toEqual([])
  })

  it("are let go when the line ends before the MAC was checked or made", () => {
    const { held, place } = dukpt()
    const caller = place.connect()
    caller.say(sale("T0000001", "000001", { 53: serial, 64: "mac-501" }))
    place.settle()
    place.codec.holdSeals = true
    place.submitted[0]!.answer()
    place.settle()
    expect(held).toEqual([502])
    caller.close("reset")
    place.settle()
    expect(held).toEqual([])
  })

  it("refuse by name where none can be derived", () => {
    const { place } = dukpt("key-missing")
    const caller = place.connect()
    caller.say(sale("T0000001", "000001", { 53: serial, 64: "mac-501" }))
    place.settle()
    expect([caller.last()?.["39"], place.submitted.length]).toEqual(["A0", 0])
    expect(place.count("refused key-missing")).toBe(1)
  })
})
