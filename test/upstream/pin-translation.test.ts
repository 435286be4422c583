/** PINs between a terminal's key and an upstream's: with real dialects, mappings and keys. */

import { describe, expect, it } from "vitest"
import type { KeyHandle } from "../../src/domain/brand.ts"
import { makeLocalClock } from "../../src/domain/business-day.ts"
import type { FailureCode } from "../../src/domain/failures.ts"
import type { PinFormat, PinUnder } from "../../src/domain/ports/security-module.ts"
import type { UpstreamRequest } from "../../src/domain/ports/upstream.ts"
import { identityMapping } from "../../src/iso8583/compile-mapping.ts"
import type { CompiledDialect } from "../../src/iso8583/dialect.ts"
import type { Mapping } from "../../src/iso8583/mapping.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import { deriveDukpt } from "../../src/security/dukpt-key.ts"
import { workingAttributes } from "../../src/security/key-usage.ts"
import { openPinBlock, sealPinBlock } from "../../src/security/pin-block.ts"
import { isFault } from "../../src/security/security-fault.ts"
import { SoftwareKeys, softwareModule } from "../../src/security/software-module.ts"
import { Flight, type Tower } from "../../src/upstream/flight.ts"
import { IsoPlanner } from "../../src/upstream/iso-planner.ts"
import type { Link } from "../../src/upstream/link.ts"
import { pinWork, type PinZone, translatePin } from "../../src/upstream/pin-translation.ts"
import { RrnAllocator } from "../../src/upstream/stan-allocator.ts"
import { ManualTime } from "../actor/manual-time.ts"
import { dialect, mapping } from "../iso8583/shipped.ts"
import { demoStore } from "../security/demo-store.ts"
import { randomFrom } from "../security/seeded-random.ts"
import { record, upstreamConfig } from "./station.ts"

const pan = "6235012345678900"
const pin = "123456"
const cup = dialect("cup-pos")
const iso = dialect("iso87-ascii")
const store = demoStore()
const random = randomFrom(7)
const cache = new CipherCache()
const terminalKey = Buffer.alloc(16, 0x31)
const zoneKey = Buffer.from("76232FE9C82A0E5DB6B01AE53D3D9D97", "hex")

function block(key: Uint8Array): Uint8Array {
  const wrapped = store.wrap(workingAttributes("pin", "tdes", key.length), key, random)
  if (isFault(wrapped)) throw new Error(wrapped.code)
  return Buffer.from(wrapped, "latin1")
}

function installed(testEnvironment = true) {
  const security = softwareModule(new SoftwareKeys({ store, testEnvironment }, random, () => 0))
  const handle = (key: Uint8Array) => {
    const made = security.install(block(key), "pin")
    if (typeof made !== "number") throw new Error(made)
    return made
  }
  return { security, from: handle(terminalKey), zone: handle(zoneKey) }
}

function pinBlock(key: Uint8Array = terminalKey, format: PinFormat = 0, card = pan): Buffer {
  const made = sealPinBlock(cache, { source: key, algorithm: "tdes" }, format, card, pin, random)
  if (isFault(made)) throw new Error(made.code)
  return made
}

function opened(sent: Uint8Array, format: PinFormat = 0): string {
  const key = { source: zoneKey, algorithm: "tdes" } as const
  const found = openPinBlock(cache, key, format, pan, sent, (digits) => digits.join(""))
  if (isFault(found)) throw new Error(found.code)
  return found
}

function sale(given: Uint8Array | undefined, under?: PinUnder): UpstreamRequest {
  const body = cup.build("0200", {
    "2": pan,
    "3": "000000",
    "4": "000000000100",
    "11": "000001",
    "22": "051",
    "25": "00",
    "26": "12",
    "41": "T0000001",
    "42": "M00000000000001",
    "49": "156",
    "52": given,
    ...(given === undefined ? {} : { "53": "2600000000000000" }),
    "60.1": "22",
    "60.2": "000001"
  })
  const message = cup.read(body)
  if ("failure" in message) throw new Error(JSON.stringify(message))
  return { record: record("t1"), facts: { pan }, message, ...(under && { pin: under }) }
}

/** The way from a request to what would leave. */
function flown(
  request: UpstreamRequest,
  to: CompiledDialect,
  through: Mapping,
  keys: ReturnType<typeof installed>,
  zone: PinZone | undefined
): FailureCode | {
  readonly body: Buffer
  readonly plain: Buffer
  readonly flight: Flight
  readonly translated: Uint8Array
} {
  const time = new ManualTime()
  const planner = new IsoPlanner(
    upstreamConfig,
    {
      time: time.shape,
      rrns: new RrnAllocator("n1", 0),
      local: makeLocalClock("UTC"),
      utc: makeLocalClock("UTC")
    },
    to,
    new Map([[through.from, through]]),
    false,
    zone
  )
  const plan = planner.request(request, "000777" as never, { index: 0 } as Link, 1)
  if (typeof plan === "string") return plan
  let translated: Uint8Array = Buffer.of()
  const tower = {
    upstream: "bank",
    translate: (work, done) =>
      translatePin(keys.security, work, (made) => {
        if (typeof made !== "string") translated = made
        done(made)
      }),
    landed: () => {}
  } satisfies Partial<Tower> as unknown as Tower
  const flight = new Flight(plan, tower)
  let failure: FailureCode | undefined
  flight.secure?.((why) => failure = why)
  return failure ?? { body: flight.body, plain: plan.body, flight, translated }
}

function field52(spoken: CompiledDialect, body: Buffer): Uint8Array | undefined {
  const message = spoken.read(body)
  if ("failure" in message) throw new Error(JSON.stringify(message))
  const text = message.text("52")
  return text === undefined ? undefined : Buffer.from(text, "hex")
}

describe("a PIN on its way upstream", () => {
  const roads = [
    ["within one dialect", cup, identityMapping(cup)],
    ["across two", iso, mapping(cup, iso)]
  ] as const
  it.each(roads)("comes under the upstream's key: %s", (_, to, through) => {
    const keys = installed()
    for (const format of [0, 3] as const) {
      const request = sale(pinBlock(), { format: 0, key: keys.from })
      const sent = flown(request, to, through, keys, { key: keys.zone, format })
      if (typeof sent === "string") throw new Error(sent)
      expect(opened(field52(to, sent.body)!, format)).toBe(pin)
      // What stays in memory until the answer has comes no PIN in it, and what left is forgotten.
      expect([...field52(to, sent.plain)!]).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
      const { body, flight } = sent
      flight.forgetPin()
      expect(body.every((byte) => byte === 0)).toBe(true)
    }
  })

  it("stays nowhere when its place is given back and it never left", () => {
    const keys = installed()
    const request = sale(pinBlock(), { format: 0, key: keys.from })
    const zone = { key: keys.zone, format: 0 } as const
    const sent = flown(request, cup, identityMapping(cup), keys, zone)
    if (typeof sent === "string") throw new Error(sent)
    expect(opened(field52(cup, sent.body)!)).toBe(pin)
    sent.flight.release()
    expect(sent.translated).toHaveLength(8)
    expect([sent.body, sent.plain, sent.translated].map((body) => body.every((byte) => byte === 0)))
      .toEqual([true, true, true])
  })

  it("comes from a key that DUKPT derives, which is released", () => {
    const keys = installed()
    const serial = Buffer.from("FFFF9876543210E00001", "hex")
    const base = store.unwrap(store.current("bdk-demo-tdes")!)
    if (isFault(base)) throw new Error(base.code)
    const derived = deriveDukpt(base.attributes, base.key, serial, "pin")
    if (isFault(derived)) throw new Error(derived.code)
    const released: Array<KeyHandle> = []
    const security = {
      ...keys.security,
      release: (handle: KeyHandle) => void released.push(handle)
    }
    const request = sale(pinBlock(derived.key), { format: 0, baseKey: "bdk-demo-tdes", serial })
    const zone = { key: keys.zone, format: 0 } as const
    const sent = flown(request, cup, identityMapping(cup), { ...keys, security }, zone)
    if (typeof sent === "string") throw new Error(sent)
    expect(opened(field52(cup, sent.body)!)).toBe(pin)
    expect(released).toHaveLength(1)
    const unknown = { ...request, pin: { format: 0 as const, baseKey: "none", serial } }
    expect(flown(unknown, cup, identityMapping(cup), keys, zone)).toBe("key-missing")
  })

  it("leaves the block it was made from overwritten", () => {
    const keys = installed()
    const zone = { key: keys.zone, format: 0 } as const
    const under = { format: 0, key: keys.from } as const
    const serial = Buffer.from("FFFF9876543210E00001", "hex")
    const tries: ReadonlyArray<readonly [Buffer, PinUnder]> = [
      [pinBlock(), under],
      [Buffer.alloc(8, 0x5a), under],
      [pinBlock(), { format: 0, baseKey: "none", serial }]
    ]
    for (const [given, by] of tries) {
      const request = sale(given, by)
      const work = pinWork(request, identityMapping(cup), zone, cup)
      if (work === undefined || typeof work === "string") throw new Error("no work")
      translatePin(keys.security, work, () => {})
      expect([...work.block]).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
    }
  })

  it("is refused by name where it cannot be translated", () => {
    const keys = installed()
    const zone = { key: keys.zone, format: 0 } as const
    const through = mapping(cup, iso)
    const under = { format: 0, key: keys.from } as const
    const said = (request: UpstreamRequest, by = through, to = zone, module = keys) =>
      flown(request, iso, by, module, to)
    expect(said(sale(pinBlock()))).toBe("key-missing")
    expect(said({ ...sale(pinBlock(), under), facts: {} })).toBe("pin-refused")
    expect(said(sale(pinBlock(), under), { ...through, pin: false })).toBe("pin-refused")
    expect(said(sale(pinBlock(zoneKey), under))).toBe("pin-refused")
    expect(said(sale(pinBlock(terminalKey, 0, "6235012345678801"), under))).toBe("pin-refused")
    expect(said(sale(pinBlock(), under), through, { ...zone, format: 1 as never })).toBe(
      "pin-refused"
    )
    expect(said(sale(pinBlock(), { format: 0, key: 999 as KeyHandle }))).toBe("key-missing")
    const real = installed(false)
    const there = { key: real.zone, format: 0 } as const
    expect(said(sale(pinBlock(), { format: 0, key: real.from }), through, there, real)).toBe(
      "pin-refused"
    )
  })

  it("stays behind, or as it came, where the upstream has no key for it", () => {
    const keys = installed()
    const given = pinBlock()
    const request = sale(given, { format: 0, key: keys.from })
    const across = flown(request, iso, mapping(cup, iso), keys, undefined)
    const within = flown(request, cup, identityMapping(cup), keys, undefined)
    if (typeof across === "string" || typeof within === "string") throw new Error("refused")
    expect(field52(iso, across.body)).toBeUndefined()
    expect(field52(cup, within.body)).toEqual(given)
    expect(across.flight.secure).toBeUndefined()
  })

  it("is no concern of a message without one", () => {
    const keys = installed()
    const zone = { key: keys.zone, format: 0 } as const
    const sent = flown(sale(undefined), iso, mapping(cup, iso), keys, zone)
    if (typeof sent === "string") throw new Error(sent)
    expect(sent.flight.secure).toBeUndefined()
  })
})
