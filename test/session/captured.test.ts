/**
 * Captured China UnionPay frames (protocol facts §1.9 and §1.11) through sessions with the real
 * framing, dialect, keys and registry; only the transaction station is the test's.
 */

import { Layer } from "effect"
import fc from "fast-check"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { inPlaceCodecLayer } from "../../src/codec/codec-layer.ts"
import { parseTerminals } from "../../src/config/terminals-file.ts"
import type { BusinessDay, KeyHandle, Rrn } from "../../src/domain/brand.ts"
import { SecurityModule } from "../../src/domain/ports/security-module.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { compileFraming } from "../../src/frame/compile.ts"
import type { Framing } from "../../src/frame/framing.ts"
import type { Message } from "../../src/iso8583/message.ts"
import { readDownload } from "../../src/security/key-download.ts"
import { SoftwareKeys, softwareModule } from "../../src/security/software-module.ts"
import { captured, dialect } from "../iso8583/shipped.ts"
import { demoStore } from "../security/demo-store.ts"
import { randomFrom } from "../security/seeded-random.ts"
import type { Caller } from "./caller.ts"
import { Place } from "./place.ts"

const cup = dialect("cup-pos")
const framing = compileFraming(
  parse(readFileSync("config/framings/cup-tpdu.yaml", "utf8"))
) as Framing
const profiles = parseTerminals("terminals.csv", readFileSync("config/terminals.csv", "utf8"))
const store = demoStore()

function station() {
  if ("faults" in profiles) throw new Error("the shipped terminals file has faults")
  const keys = new SoftwareKeys({ store, testEnvironment: true }, randomFrom(1), () => 0)
  const security = softwareModule(keys)
  const place = new Place({
    profiles,
    dialect: cup,
    framing,
    security: Layer.succeed(SecurityModule, security),
    codec: inPlaceCodecLayer({ accounts: () => undefined }),
    hooks: {
      seedKeys: (terminal) => {
        const key = store.current(`mak-${terminal}`)
        return key === undefined ? undefined : { mac: Buffer.from(key.block) }
      }
    }
  })
  return { place, security }
}

function frame(body: string, header = "6000000003603100310006"): Buffer {
  return framing.encode(Buffer.from(header, "hex"), Buffer.from(body, "hex"))!
}

interface Answer {
  readonly header: string
  readonly message: Message
}

function answers(caller: Caller): Array<Answer> {
  const found: Array<Answer> = []
  framing.deframer(65_535).push(caller.raw, {
    onKeepAlive: () => {},
    onFrame: (header, body) => {
      const read = cup.read(Buffer.from(body))
      // Who asked under a type that is none hears under one that is none.
      const isTold = "failure" in read && read.failure === "mti-unknown"
      const message = isTold ? cup.salvage!(Buffer.from(body))! : read
      if ("failure" in message) throw new Error(JSON.stringify(message))
      found.push({ header: Buffer.from(header).toString("hex"), message })
    }
  })
  return found
}

const approval = {
  record: {
    rrn: "633012345678" as Rrn,
    authCode: "A12345",
    day: "2026-11-26" as BusinessDay
  } as TransactionRecord
}

describe("the chip sale of vector C", () => {
  it("passes its MAC, becomes a submission and is answered under a MAC of its own", () => {
    const { place, security } = station()
    const caller = place.connect()
    caller.bytes(frame(captured["mac-c"]!, "6000040000603100310006"))
    place.settle()
    const [asked] = place.submitted
    expect(asked!.submission).toMatchObject({
      kind: "sale",
      channel: "contactless",
      scheme: "card",
      terminal: "65465423",
      merchant: "941130659999925",
      stan: "000317",
      amount: 58,
      currency: "156",
      pan: "6235013452200000069",
      expiry: "2611",
      cardSequence: "000",
      batch: "000105",
      repeat: false
    })
    asked!.answer(approval)
    place.settle()
    const [{ header, message } = {} as Answer] = answers(caller)
    expect(header).toBe("6000000004603100310006")
    expect(message.mti).toBe("0210")
    expect(message.text("11")).toBe("000317")
    expect(message.text("37")).toBe("633012345678")
    expect(message.text("38")).toBe("A12345")
    expect(message.text("39")).toBe("00")
    expect(message.text("15")).toBe("1126")
    expect(message.text("41")).toBe("65465423")
    for (const field of [2, 35, 52, 55]) expect(message.has(field)).toBe(false)
    const key = security.install(Buffer.from(store.current("mak-65465423")!.block), "mac")
    security.makeMac(
      key as KeyHandle,
      { name: "cup-ecb" },
      message.bytes.subarray(0, -8),
      (mac) => expect(Buffer.from(message.raw("64")!)).toEqual(Buffer.from(mac!))
    )
  })

  it("is refused by name when any one bit of it is turned, and never acted on", () => {
    const whole = Buffer.from(captured["mac-c"]!, "hex")
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length * 8 - 1 }), (bit) => {
        const { place } = station()
        const caller = place.connect()
        const turned = Buffer.from(whole)
        turned[bit >> 3]! ^= 1 << (bit & 7)
        caller.bytes(frame(turned.toString("hex")))
        place.settle()
        expect(place.submitted).toEqual([])
        for (const { message } of answers(caller)) {
          expect(["A0", "30", "12", "97", "58", "77"]).toContain(message.text("39"))
        }
      }),
      { numRuns: 150 }
    )
  })
})

describe("the sign-on of sample 3", () => {
  it("brings working keys under the terminal's master key", () => {
    const { place, security } = station()
    const caller = place.connect()
    caller.bytes(frame(captured["sample-3"]!, "6022000000000000000000"))
    place.settle()
    const [{ message } = {} as Answer] = answers(caller)
    expect(message.mti).toBe("0810")
    expect(message.text("39")).toBe("00")
    const master = store.unwrap(store.current("tmk-demo")!)
    if (typeof master === "string" || !("key" in master)) throw new Error("no master key")
    const opened = readDownload("cup-40", master.key, message.raw("62")!)
    expect(opened).toHaveProperty("mac")
    const stored = place.journal.get("terminals", "50080001")!.keys
    expect(typeof security.install(stored.mac!, "mac")).toBe("number")
    expect(typeof security.install(stored.pin!, "pin")).toBe("number")
  })
})

describe("samples whose keys nobody published", () => {
  it.each([
    ["sample-6", "reversal", "0410"],
    ["sample-7", "sale", "0210"],
    ["sample-17", "reversal", "0410"],
    ["sample-18", "reversal", "0410"]
  ])("%s is submitted as a %s once its terminal has signed on", (name, kind, mti) => {
    const { place } = station()
    const caller = place.connect()
    const body = captured[name]!
    const message = cup.read(Buffer.from(body, "hex")) as Message
    const signOn = cup.build("0800", {
      "11": "000001",
      "41": message.role("terminal"),
      "42": message.role("merchant"),
      "60.1": "00",
      "60.2": "000001",
      "60.3": "005"
    })
    caller.bytes(Buffer.concat([frame(signOn.toString("hex")), frame(body)]))
    place.settle()
    expect(place.submitted.map(({ submission }) => submission.kind)).toEqual([kind])
    place.submitted[0]!.answer({ approved: true })
    place.settle()
    expect(answers(caller).map((each) => each.message.mti)).toEqual(["0810", mti])
  })
})

describe("malformed frames", () => {
  it("are refused by name, and the next caller is served (N1 of the facts)", () => {
    const { place } = station()
    const caller = place.connect()
    // A published 0810 that declares a field 62 of 80 bytes and has 40.
    const broken = captured["sample-19"]!.replace("0040", "0080")
    caller.bytes(frame(broken))
    caller.bytes(frame(captured["mac-c"]!.slice(0, 80)))
    place.settle()
    expect(answers(caller).map(({ message }) => message.text("39"))).toEqual([])
    expect(place.count("refused message-format")).toBe(2)
    caller.bytes(frame(captured["mac-c"]!.slice(0, -20)))
    place.settle()
    expect(answers(caller)).toMatchObject([{ message: { mti: "0210" } }])
    expect(answers(caller)[0]!.message.text("39")).toBe("30")
    const next = place.connect()
    next.bytes(frame(captured["mac-c"]!))
    place.settle()
    expect(place.submitted.length).toBe(1)
  })

  it("end their connection when framing itself is lost: no length, and one too long", () => {
    const { place } = station()
    const empty = place.connect()
    empty.bytes(Buffer.from([0, 0]))
    const long = place.connect()
    long.bytes(Buffer.from([0xff, 0xff]))
    place.settle()
    expect(place.ends()).toEqual(["frame-empty", "frame-too-long"])
  })

  it("never bring it down, whatever the bytes are (M3, M4)", () => {
    const { place } = station()
    const whole = Buffer.from(captured["mac-c"]!, "hex")
    const mutation = fc.record({
      at: fc.integer({ min: 0, max: whole.length - 1 }),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 8 })
    })
    fc.assert(
      fc.property(fc.array(mutation, { maxLength: 6 }), fc.boolean(), (mutations, cut) => {
        const mutant = Buffer.from(whole)
        for (const { at, bytes } of mutations) mutant.set(bytes.subarray(0, whole.length - at), at)
        const body = cut ? mutant.subarray(0, mutations[0]?.at ?? 4) : mutant
        const caller = place.connect()
        caller.bytes(frame(body.toString("hex")))
        place.settle()
        caller.close("reset")
      }),
      { numRuns: 300 }
    )
    expect(place.count("ended defect")).toBe(0)
    expect(place.view.list(1)).toEqual([])
  })
})
