/** The terminals file: defaults for empty cells, and every bad line by its number. */

import { describe, expect, it } from "vitest"
import { faultLine } from "../../src/config/config-invalid.ts"
import { parseTerminals, terminalColumns } from "../../src/config/terminals-file.ts"
import type { TerminalProfile } from "../../src/domain/ports/terminals.ts"

const profiles = (text: string): ReadonlyArray<TerminalProfile> => {
  const parsed = parseTerminals("t.csv", text)
  if ("faults" in parsed) throw new Error(parsed.faults.map(faultLine).join("\n"))
  return parsed
}
const faults = (text: string): Array<string> => {
  const parsed = parseTerminals("t.csv", text)
  return "faults" in parsed ? parsed.faults.map(faultLine) : []
}

const head = `${terminalColumns.join(",")}\n`

describe("a terminals file", () => {
  it("needs two columns; all others have defaults", () => {
    const [first] = profiles("terminal,merchant\n65465423,898310058121001\n")
    expect(first).toMatchObject({
      terminal: "65465423",
      merchant: "898310058121001",
      merchantName: "898310058121001",
      group: "default",
      identity: "sign-on",
      macRequired: true,
      window: 4,
      blocked: false
    })
    expect(first).not.toHaveProperty("masterKey")
    expect(first?.kinds.has("sale")).toBe(true)
    expect(first?.currencies.has("156")).toBe(true)
  })

  it("takes sets, quotes, comments, empty lines, short ids and both line ends", () => {
    const text = `\uFEFF# the shop\r\n${head}\r\n` +
      "T1,M1,\"Tea \"\"House\"\", Ltd\",shops,mac,5812,tmk-a,no,2,sale; void,chip;contactless,156;840," +
      "yes,yes,counter-1,yes\r\n"
    const [first] = profiles(text)
    expect(first).toMatchObject({
      terminal: "T1      ",
      merchant: "M1             ",
      merchantName: "Tea \"House\", Ltd",
      identity: "mac",
      masterKey: "tmk-a",
      macRequired: false,
      window: 2,
      kinds: new Set(["sale", "void"]),
      currencies: new Set(["156", "840"]),
      partialApproval: true,
      reverseUnconfirmed: true,
      counter: "counter-1",
      blocked: true
    })
  })

  it("names every bad line, and gives nothing", () => {
    const text = `terminal,merchant,identity,kinds,window,blocked\n` +
      "T1,M1,sign-on,sale,1,no\n" +
      "T12345678,M1\n" +
      "T2,M1,sing-on\n" +
      "T3,M1,,slae\n" +
      "T4,M1,,,0,maybe\n" +
      "T1,M1\n" +
      "T5,M1,,,,,,,too,many\n" +
      "T6,\"M1\n"
    expect(faults(text)).toEqual([
      "t.csv:3: terminal: T12345678: expected 1 to 8 printable ASCII characters",
      "t.csv:4: identity: sing-on: expected one of sign-on, mac, certificate, hello. " +
      "Did you mean sign-on?",
      "t.csv:5: kinds: slae: unknown. Did you mean sale?",
      "t.csv:6: window: 0: expected 1 to 9999",
      "t.csv:6: blocked: maybe: expected yes or no",
      "t.csv:7: terminal: terminal T1 stands on line 2 already",
      "t.csv:8: 10 values for 6 columns",
      "t.csv:9: a quote is not closed"
    ])
  })

  it("says once when its columns are wrong, and counts what is too much to list", () => {
    expect(faults("terminal,marchant\n")).toEqual([
      "t.csv:1: marchant: unknown column. Did you mean merchant?",
      "t.csv:1: merchant: this column is missing"
    ])
    expect(faults("")).toEqual(["t.csv: empty: expected a line of column names"])
    const many = `terminal,merchant\n${"T1,M1\n".repeat(200)}`
    expect(faults(many)).toHaveLength(51)
    expect(faults(many).at(-1)).toBe("t.csv: and 149 more faults in this file")
  })

  it("masks a card number that somebody put there", () => {
    const text = "terminal,merchant\n4111111111111111,M1\n"
    expect(faults(text)[0]).toContain("411111******1111: expected 1 to 8")
  })
})
