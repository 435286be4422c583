/** A PIN that comes to an acquirer was typed for just that, or it is told. */

import { describe, expect, it } from "vitest"
import { rowWatch } from "../../src/cli/world-watch.ts"
import type { LedgerEntry } from "../../src/domain/ports/journal.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import { sealPinBlock } from "../../src/security/pin-block.ts"
import { isFault } from "../../src/security/security-fault.ts"
import { vaultFrom } from "../../src/security/vault.ts"
import { Issuer } from "../../src/simulate/issuer.ts"
import { testCards, testPin } from "../../src/simulate/test-cards.ts"
import type { Written } from "../../src/simulate/world/house.ts"
import { PinPads } from "../../src/simulate/world/pin-pads.ts"
import { dialect } from "../iso8583/shipped.ts"
import { demoStore } from "../security/demo-store.ts"

const cup = dialect("cup-pos")
const zone = Buffer.alloc(16, 0x31)
const [card, other] = testCards

interface Sent {
  readonly terminal?: string
  readonly pan?: string
  readonly amount?: string
  readonly block?: Uint8Array
  readonly code?: string
}

function message({ amount = "000000000100", block, code, pan = card, terminal }: Sent) {
  const read = cup.read(cup.build("0200", {
    "2": pan,
    "3": code ?? "000000",
    "4": amount,
    "11": "000001",
    "22": "011",
    "25": "00",
    "41": terminal ?? "C0000001",
    "42": "M00000000000001",
    ...(block === undefined ? {} : { "52": block })
  }))
  if ("failure" in read) throw new Error(JSON.stringify(read))
  return read
}

function sealed(pan: string, pin: string, format: 0 | 3 = 0, key: Uint8Array = zone): Buffer {
  const from = { source: key, algorithm: "tdes" } as const
  const noKeys = new CipherCache({ maxKeys: 0, maxCiphers: 0 })
  const made = sealPinBlock(noKeys, from, format, pan, pin, (length) => new Uint8Array(length))
  if (isFault(made)) throw new Error(made.code)
  return made
}

/** What is told of these when each customer has typed at C0000001 for `card` and 100. */
function told(wrongPins: number, ...sent: ReadonlyArray<(pin: string) => Sent>) {
  const heard: Array<string> = []
  const pads = new PinPads({ seed: 1, pinPads: 1, wrongPins }, () => {}, (what) => heard.push(what))
  const issuer = new Issuer(zone, 0, pads.witnessAt("acquirer"))
  const pin = pads.at("C0000001")!.type(card, 100)
  const verdicts = sent.map((each) => issuer.judge(message(each(pin))))
  return { heard, pin, verdicts }
}

describe("the witness beside an issuer", () => {
  it.each([[0, "right"], [1, "wrong"]])("says nothing of what was typed, %j", (share, verdict) => {
    const { heard, pin, verdicts } = told(share, (typed) => ({ block: sealed(card, typed) }))
    expect([heard, verdicts]).toEqual([[], [verdict]])
    expect(pin === testPin(card)).toBe(verdict === "right")
  })

  it("tells of the same PIN for another amount, card or terminal", () => {
    const { heard } = told(
      0,
      (pin) => ({ block: sealed(card, pin), amount: "000000000101" }),
      () => ({ block: sealed(other, testPin(other)), pan: other }),
      (pin) => ({ block: sealed(card, pin), terminal: "C0000002" }),
      () => ({ block: sealed(card, "999999") })
    )
    const terminals = ["C0000001", "C0000001", "C0000002", "C0000001"]
    expect(heard).toEqual(
      terminals.map((terminal) =>
        `acquirer was sent for ${terminal} 000001 a PIN that nobody typed for it`
      )
    )
  })

  it("tells of a block under another key, in another format, or for another card", () => {
    const { heard } = told(
      0,
      (pin) => ({ block: sealed(card, pin, 0, Buffer.alloc(16, 0x32)) }),
      (pin) => ({ block: sealed(card, pin, 3) }),
      (pin) => ({ block: sealed(other, pin) })
    )
    expect(heard).toEqual(
      Array.from(
        { length: 3 },
        () =>
          "acquirer was sent for C0000001 000001 a PIN block that does not open: " +
          "another key, format or card"
      )
    )
  })

  it("tells of a PIN that was left behind, where it was to come", () => {
    const { heard, verdicts } = told(
      0,
      () => ({}),
      () => ({ code: "200000" }),
      () => ({ pan: other })
    )
    expect(heard).toEqual(["acquirer was sent for C0000001 000001 no PIN, and one was typed"])
    expect(verdicts).toEqual(["none", "none", "none"])
  })

  it("finds the blocks of both sides and the PIN, wherever the switch has left them", () => {
    const heard: Array<string> = []
    const shown: Array<Written> = []
    const plan = { seed: 1, pinPads: 1, wrongPins: 1 }
    const pads = new PinPads(plan, (each) => shown.push(each), (what) => heard.push(what))
    const pad = pads.at("C0000001")!
    const issuer = new Issuer(zone, 0, pads.witnessAt("acquirer"))
    const pins = Array.from({ length: 20 }, (_, at) => pad.type(card, 100 + at))
    const long = pins.find((pin) => pin.length === 12)!
    const own = sealed(card, pins[0]!, 0, Buffer.alloc(16, 0x32))
    const theirs = sealed(card, pins[0]!)
    pad.sent?.(own)
    issuer.judge(message({ block: theirs }))
    const rows = rowWatch(demoStore(), shown[0]!)
    const vault = vaultFrom(demoStore(), (length) => new Uint8Array(length))
    if (isFault(vault)) throw new Error(vault.code)
    // As many of a row's columns as are looked at.
    const row = (columns: object) => rows(columns as LedgerEntry["row"])
    shown[0]!("the journal", Buffer.concat([Buffer.alloc(9), own]))
    row({ rrn: `1\n${theirs.toString("hex")}`, version: 1 })
    row({ sealed: vault.seal(theirs), answered: Buffer.from(`000${theirs.toString("base64")}`) })
    shown[0]!("the log", Buffer.from(`{"pin":"${long}"}`))
    shown[0]!("the log", Buffer.from(pins[0]!.slice(0, -1)))
    pads.search()
    expect(heard).toEqual([
      "a PIN block of C0000001 in the journal at 9 (I6)",
      "a PIN block for acquirer as text in a row at 2 (I6)",
      "a PIN block for acquirer in what a row keeps sealed at 0 (I6)",
      "a PIN block for acquirer as text in a row at 3 (I6)",
      `the digits of a PIN of ${card.slice(-4)} in the log at 8 (I6)`
    ])
  })

  it("hears of no terminal without a pad", () => {
    const pads = new PinPads({ seed: 1, pinPads: 0, wrongPins: 0 }, () => {}, () => {})
    expect(pads.at("C0000001")).toBeUndefined()
  })
})
