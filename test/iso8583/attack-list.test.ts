/**
 * The attack list of a listener for ISO 8583, line by line, and the test that pins each of them: in
 * the codec here, in the rooms whose business it is elsewhere. A pin that is renamed or removed
 * without another in its place is found by this file.
 */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"

const codec = "test/iso8583/attacks.test.ts"
const frames = "test/frame/deframer.test.ts"
const line = "test/session/line.test.ts"
const counter = "test/session/counter.test.ts"
const identity = "test/session/identity.test.ts"
const badInput = "test/e2e/bad-input.test.ts"

/** What is sent, and words of the tests that say what then happens. */
const pins: Readonly<Record<string, ReadonlyArray<readonly [file: string, words: string]>>> = {
  "empty input, and less than four bytes": [[codec, "less than a bitmap"]],
  "length 0": [["test/frame/named-framings.test.ts", "are refused where the framing has none"], [
    badInput,
    "frame-empty"
  ]],
  "length 1": [["test/frame/named-framings.test.ts", "of a header that was cut short"]],
  "length 0xFFFF": [[frames, "refuses a length above the limit from the length alone (M1)"], [
    "test/session/sockets.test.ts",
    "reads a length bomb from two bytes"
  ]],
  "declared above the maximum": [[
    line,
    "refuses a declared length above the maximum from its two bytes (M1)"
  ]],
  "declared differs from actual": [["test/e2e/captured.test.ts", "N1's lengths"], [
    "test/iso8583/cup-pos.test.ts",
    "refuses by name the published reply whose lengths are wrong"
  ]],
  "one byte per ten seconds for ever": [[line, "who trickles"]],
  "header complete, then silence": [[badInput, "frame-incomplete"]],
  "ten thousand connects without data": [
    [line, "takes only so many connections of one address"],
    [line, "refuses with a reason, and reclaims the oldest that has proven nothing"]
  ],
  "connect and reset storm": [
    [line, "keeps the last ten thousand ends"],
    [identity, "bears a terminal that reconnects every second"]
  ],
  "half-close after the request": [["test/session/sockets.test.ts", "(N3)"]],
  "bitmap all ones": [[codec, "a bitmap of ones, reserved bits, and a field the dialect lacks"]],
  "bit 1 or 65 without further bytes": [[codec, "bit 1 without a second bitmap, bit 65 without"]],
  "third bitmap": [["test/iso8583/bitmaps.test.ts", "the third behind the second, as field 65"]],
  "a bit for a field that the dialect lacks": [[codec, "and a field the dialect lacks"], [
    badInput,
    "field-unknown"
  ]],
  "duplicate or reserved bits": [[codec, "reserved bits"]],
  "LL, LLL and LLLL with letters, sign, spaces": [[codec, "of three characters: %j"], [
    codec,
    "of two digits with %s"
  ]],
  "a length above the maximum": [[codec, "above the maximum"]],
  "a length above what is left": [[codec, "far above what is left"], [codec, "at the very end"]],
  "BCD with half bytes A to F": [[codec, "half bytes A to F where digits belong"]],
  "odd BCD": [[codec, "odd digits on either side keep their value"]],
  "EBCDIC where ASCII is meant": [[codec, "EBCDIC where ASCII is meant, and the reverse"]],
  "chip data of indefinite length": [[codec, "indefinite length"]],
  "chip data with a length of 2^31": [[codec, "a length of 2^31"]],
  "chip data with a length of 2^63": [[codec, "a length of 2^63 in eight bytes"]],
  "chip data 200 deep": [[codec, "templates two hundred deep"]],
  "a tag that never ends": [[codec, "a tag that never ends"]],
  "ten thousand empty tags": [[codec, "ten thousand empty tags, in time"], [
    "test/iso8583/effort.test.ts",
    "chip data of empty tags"
  ]],
  "PIN length nibble of 15": [["test/security/pin-block.test.ts", "a length nibble of 15"]],
  "QR with a wrong CRC, length 99, nested, emoji, other digits": [
    ["test/qr/merchant-code.test.ts", "is refused by the path of what is wrong"],
    ["test/qr/merchant-code.test.ts", "is refused when any single character is changed"],
    ["test/qr/merchant-code.test.ts", "of random text is parsed or refused, and never throws"]
  ],
  "an amount with sign or spaces": [[codec, "an amount with sign, spaces or digits"]],
  "a PAN that fails Luhn, STAN 000000, 30 February": [[codec, "a PAN that fails Luhn"]],
  "a response sent by a terminal": [["test/session/answers.test.ts", "mti: \"0210\""]],
  "reversals for unknown originals": [[
    "test/e2e/captured.test.ts",
    "reverses what nobody has seen"
  ]],
  "a flood of them": [[
    "test/session/pressure.test.ts",
    "does not read an address that says too much"
  ]],
  "replay of yesterday's capture": [[counter, "played again later, is refused as stale (M6)"]],
  "same STAN, other amount": [[counter, "under the same number with another amount is refused"]],
  "terminal id of another merchant": [[identity, "under another merchant, and tells the auditor"]],
  "guessing sign-ons": [[identity, "tries one terminal after another (M8)"]],
  "__proto__ as a key": [
    ["test/config/switch-shape.test.ts", "__proto__"],
    ["test/iso8583/describe.test.ts", "__proto__"],
    ["test/frame/description.test.ts", "takes keys that look like prototypes"],
    [codec, "paths that belong to no field find nothing"]
  ],
  "line ends in fields that reach logs": [
    [codec, "text with line ends and escapes is kept as bytes"],
    ["test/iso8583/describe.test.ts", "bring no control character to a terminal"],
    ["test/observe/log-lines.test.ts", "one object a line"]
  ],
  "amplification through error replies": [[codec, "a refusal says little, whatever was sent"]]
}

describe("the attack list", () => {
  it.each(Object.entries(pins))("%s is pinned", (_, places) => {
    for (const [file, words] of places) {
      const text = readFileSync(join(import.meta.dirname, "../..", file), "utf8")
      expect([file, words, text.includes(words)]).toEqual([file, words, true])
    }
  })

  it("has all of its lines", () => {
    expect(Object.keys(pins).length).toBe(42)
  })
})
