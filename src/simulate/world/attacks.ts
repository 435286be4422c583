/**
 * What a terminal that is broken, or was never one, puts on its line. What must hold: nothing here
 * can be executed: it is no message, or its MAC is wrong, or it was said before.
 */

import { type Terminal } from "../terminal.ts"
import type { Chance } from "./chance.ts"

export const attacks = [
  "rubbish",
  "a length bomb",
  "half a frame",
  "mutations of its question",
  "the attack list",
  "its question again",
  "its first question again",
  "a card number as its merchant",
  "a forged log line as its merchant",
  "40 sign-ons"
] as const

export type Attack = typeof attacks[number]

/** Bytes as they are, or a body in a frame of the terminal's. */
type Shot = { readonly bytes: Uint8Array } | { readonly body: Uint8Array }

const mutations = 60
const signOns = 40
/** A published test number of 15 digits, as long as field 42. */
const cardNumber = "378282246310005"
/** Ends a JSON text, and begins a line of its own where nobody escapes. */
const forgedLine = `x"}\\{"event":1`

/** `terminal` has asked something before. */
export function shotsOf(attack: Attack, terminal: Terminal, chance: Chance): ReadonlyArray<Shot> {
  const [first = Buffer.alloc(0)] = terminal.said
  const last = terminal.said.at(-1) ?? first
  switch (attack) {
    case "rubbish":
      return [{ bytes: Buffer.from("000affffffffffffffffffff", "hex") }]
    case "a length bomb":
      return [{ bytes: Buffer.from("ffff0200", "hex") }]
    case "half a frame":
      return [{ bytes: Buffer.concat([Buffer.from("0100", "hex"), last.subarray(0, 40)]) }]
    case "mutations of its question":
      return Array.from({ length: mutations }, () => ({ body: mutated(last, chance) }))
    case "the attack list":
      return attackList(last).map((body) => ({ body }))
    case "its question again":
      return [{ body: last }]
    case "its first question again":
      return [{ body: first }]
    case "a card number as its merchant":
      return [{ body: underMerchant(terminal, last, cardNumber) }]
    case "a forged log line as its merchant":
      return [{ body: underMerchant(terminal, last, forgedLine) }]
    case "40 sign-ons":
      return Array.from({ length: signOns }, () => ({ body: terminal.signOn() }))
  }
}

function underMerchant({ dialect }: Terminal, body: Buffer, merchant: string): Buffer {
  const message = dialect.read(body)
  const path = dialect.pathOf("merchant")
  if ("failure" in message || path === undefined) return body
  return dialect.patch(message, { set: { [path]: merchant.padEnd(15) } })
}

/** One thing wrong with it, and always another than it was. */
function mutated(body: Buffer, chance: Chance): Buffer {
  const at = chance.between(0, body.length - 1)
  switch (chance.between(0, 4)) {
    case 0: {
      const flipped = Buffer.from(body)
      flipped[at]! ^= 1 << chance.between(0, 7)
      return flipped
    }
    case 1:
      return Buffer.from(body.subarray(0, at))
    case 2:
      return Buffer.concat([body.subarray(0, at), body.subarray(Math.max(0, at - 1))])
    case 3:
      return Buffer.concat([body, chance.bytes(chance.between(1, 300))])
    default: {
      const overwritten = Buffer.from(body)
      const end = Math.min(body.length, at + 1 + chance.between(0, 8))
      overwritten.fill(chance.between(0, 255), at, end)
      // Filled with what was there: it would be the question itself.
      if (overwritten[at] === body[at]) overwritten[at]! ^= 0xff
      return overwritten
    }
  }
}

/**
 * Of the attack list on ISO 8583 listeners (faults §5), what fits into a frame, in ASCII: bitmaps,
 * lengths, numbers, dates, TLV. `body` is a sound sale.
 */
function attackList(body: Buffer): ReadonlyArray<Buffer> {
  const text = (mti: string, bitmap: string, fields = "") => Buffer.from(mti + bitmap + fields)
  const pan = "164111111111111111"
  const sale = "000000000000000100"
  const tlv = (octets: string) =>
    text("0200", "7000000000000200", `${pan}000000000000000100${octets.length / 2}`) +
    octets
  return [
    Buffer.from([0]),
    Buffer.from("020"),
    text("0200", "FFFFFFFFFFFFFFFF"),
    text("0200", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"),
    text("0200", "8000000000000000"),
    text("0200", "80000000000000008000000000000000"),
    text("0200", "G000000000000000"),
    text("0200", "4000000000000000", "AB4111"),
    text("0200", "4000000000000000", "-14111"),
    text("0200", "4000000000000000", " 14111"),
    text("0200", "4000000000000000", "994111"),
    text("0200", "4000000000000000", "164111"),
    text("0200", "0000000000000200", "999"),
    text("0200", "0000000000000200", "0x1"),
    text("0200", "1000000000000000", "00000000 100"),
    text("0200", "1000000000000000", "-00000000100"),
    text("0200", "0200000000000000", "0230999999"),
    text("9999", "7000000000000000", pan + sale),
    text("02\u00000", "7000000000000000", pan + sale),
    Buffer.from(tlv("5F2A80")),
    Buffer.from(tlv("9F268480000000")),
    Buffer.from(tlv("9F26880000000000000000")),
    Buffer.from(tlv("E180".repeat(200))),
    Buffer.from(tlv("9FFFFFFFFFFFFFFF")),
    Buffer.from(tlv("8A00".repeat(100))),
    Buffer.concat([Buffer.from("0210"), body.subarray(4)]),
    Buffer.from(body.toString("latin1").replace(/^0200/, "F0F2F0F0"), "latin1"),
    Buffer.concat([body, Buffer.from([0])])
  ]
}
