/**
 * The chip of a test card: data for field 55 with a cryptogram of its own, which the simulated
 * issuer makes again from the same published key. What must hold: a byte of it that changes on the
 * road is seen; cards that are no test cards are judged by nobody.
 */

import type { RandomShape } from "../domain/ports/time.ts"
import type { Message, Values } from "../iso8583/message.ts"
import { cardCryptogram, verifyCryptogram } from "../security/chip-cryptogram.ts"
import { isFault } from "../security/security-fault.ts"
import { testCards } from "./test-cards.ts"

/** Of nobody's issuer: the key that examples of EMV use. */
const master = Buffer.from("0123456789ABCDEFFEDCBA9876543210", "hex")

/** Field 23 of every test card. */
export const cardSequence = "001"

const known: ReadonlySet<string> = new Set(testCards)

/** Tags that the cryptogram covers, with it and with what every terminal adds. */
const tags = "9F26 9F10 9F02 9F03 9F1A 95 5F2A 9A 9C 9F37 82 9F36".split(" ")

/** Data objects of one payment in China, in yuan: path to hex. `counter` never comes twice. */
export function chipValues(
  pan: string,
  amount: number | undefined,
  counter: number,
  date: string,
  random: RandomShape
): Values {
  const number = Math.floor(random.next() * 0x1_0000_0000).toString(16).padStart(8, "0")
  const hex: Readonly<Record<string, string>> = {
    "9F02": String(amount ?? 0).padStart(12, "0"),
    "9F03": "000000000000",
    "9F1A": "0156",
    "95": "0000048000",
    "5F2A": "0156",
    "9A": date,
    "9C": "00",
    "9F37": number.toUpperCase(),
    "82": "7C00",
    "9F36": (counter % 0x1_0000).toString(16).padStart(4, "0").toUpperCase(),
    // Length, key index, cryptogram version 10, and what the card found.
    "9F10": "06010A03A0A000",
    "9F27": "80",
    "9F33": "E0F8C8"
  }
  const fields = new Map(Object.entries(hex).map(([tag, text]) => [tag, Buffer.from(text, "hex")]))
  const made = cardCryptogram(master, { pan, sequence: cardSequence.slice(1) }, fields)
  if (isFault(made)) return {}
  const all = Object.entries(hex).map(([tag, text]) => [`55.${tag}`, Buffer.from(text, "hex")])
  return { "55.9F26": made, ...Object.fromEntries(all) as Record<string, Buffer> }
}

/** Undefined: there is no chip data, or it is of no card that we know. */
export function isRightChip(message: Message): boolean | undefined {
  const pan = message.role("pan") ?? ""
  if (!known.has(pan) || message.raw("55.9F26") === undefined) return undefined
  const fields = new Map<string, Uint8Array>()
  for (const tag of tags) {
    const value = message.raw(`55.${tag}`)
    if (value !== undefined) fields.set(tag, value)
  }
  return verifyCryptogram(master, { pan, sequence: cardSequence.slice(1) }, fields) === true
}
