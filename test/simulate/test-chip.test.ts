/** The chip of a test card: its issuer makes the same cryptogram, and sees every byte that changed. */

import { expect, it } from "vitest"
import type { Dialect, Message } from "../../src/iso8583/message.ts"
import { TerminalSpeech } from "../../src/simulate/terminal-speech.ts"
import { isRightChip } from "../../src/simulate/test-chip.ts"
import { dialect } from "../iso8583/shipped.ts"

let drawn = 0
const random = {
  next: () => (drawn = (drawn + 0.37) % 1),
  bytes: (count: number) => Buffer.alloc(count)
}

function sale(spoken: Dialect, chips: number): Message {
  const speech = new TerminalSpeech({
    terminal: "T0000001",
    merchant: "M00000000000001",
    dialect: spoken,
    keys: undefined,
    random,
    chips
  })
  const read = spoken.read(speech.ask("sale", Date.UTC(2026, 10, 26)).body)
  if ("failure" in read) throw new Error(JSON.stringify(read))
  return read
}

it.each(["cup-pos", "iso87-ascii"])(
  "is right as it was made, in %s, and wrong when changed",
  (name) => {
    const spoken = dialect(name)
    const message = sale(spoken, 1)
    expect([message.role("entryMode"), message.role("cardSequence")]).toEqual(["052", "001"])
    expect(isRightChip(message)).toBe(true)
    const chip = message.raw("55")!
    for (const [tag, at] of [["9F02", 5], ["9F36", 1], ["9F26", 0]] as const) {
      const changed = Buffer.from(message.raw(`55.${tag}`)!)
      changed[at]! ^= 1
      const other = spoken.read(spoken.patch(message, { set: { [`55.${tag}`]: changed } }))
      expect("failure" in other ? other : isRightChip(other)).toBe(false)
    }
    expect(chip.length).toBeGreaterThan(80)
  }
)

it("is not asked of cards that nobody put in, or that are not test cards", () => {
  const spoken = dialect("cup-pos")
  expect(isRightChip(sale(spoken, 0))).toBeUndefined()
  const message = sale(spoken, 1)
  const other = spoken.read(spoken.patch(message, { set: { "2": "6235013452200000069" } }))
  expect("failure" in other ? other : isRightChip(other)).toBeUndefined()
})
