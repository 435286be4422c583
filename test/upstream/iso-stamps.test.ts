/**
 * What the switch writes by itself, in every dialect that comes along: a reversal and a sign-on are
 * whole by the dialect's own rules, and times are as long as their fields.
 */

import { readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import type { Stan } from "../../src/domain/brand.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { originalFacts, stamp, stampPaths } from "../../src/upstream/iso-stamps.ts"
import { captured, dialect, read } from "../iso8583/shipped.ts"

const stamps = {
  stan: "000124" as Stan,
  rrn: "000000000012",
  utc: "1127001501",
  local: "1127081501",
  year: "2026",
  acquirer: "12345678"
}
const record = {
  kind: "sale",
  mti: "0200",
  stan: "000123",
  processingCode: "000000",
  amount: 1000,
  currency: "156",
  batch: "000001",
  localTime: "1127081450",
  upstreamTime: "1127001451",
  terminal: "T1",
  merchant: "M1"
} as Partial<TransactionRecord> as TransactionRecord
const times: Readonly<Record<string, string>> = {
  "iso93-ascii": "261127081501",
  "iso93-binary": "261127081501",
  "iso2003-ascii": "20261127081501"
}

const names = readdirSync(join(import.meta.dirname, "../../config/dialects"))
  .map((file) => file.replace(".yaml", ""))

describe.each(names)("%s", (name) => {
  const spoken = dialect(name)
  const paths = stampPaths(spoken)

  it("reverses with every field that its reversal must carry, and names the original", () => {
    const facts = originalFacts(record, {}, spoken, "12345678", "20261127081451")
    const values = stamp(paths, stamps, undefined, true)
    values.take(spoken.reversal.compose(facts, "98"))
    const body = spoken.encode(spoken.reversal.mti, values, true) as Buffer
    const message = read(spoken, body.toString("hex"))
    expect(message.kind()).toBe("reversal")
    if (paths.localTime !== undefined) {
      expect(message.text(paths.localTime)).toBe(times[name] ?? "081501")
    }
    const original = message.text("56.3")
    if (times[name] !== undefined) expect(original).toBe(times[name].slice(0, -4) + "1450")
    expect(message.role("amount")).toBe("000000001000")
  })

  it.each([["156", "2"], ["392", "0"], ["414", "3"]])(
    "says how many places an amount in %s has, where its amounts say so",
    (currency, places) => {
      const facts = originalFacts({ ...record, currency }, {}, spoken, "", "20261127081451")
      const { "4.2": exponent } = spoken.reversal.compose(facts, "98")
      expect(exponent).toBe(name === "iso2003-ascii" ? places : undefined)
    }
  )
})

describe("a terminal's own time", () => {
  const { "mac-c": frame } = captured
  const cup = dialect("cup-pos")
  const iso = stampPaths(dialect("iso87-ascii"))
  const sale = read(cup, frame!)
  const timed = cup.patch(sale, { set: { "12": "101112", "13": "1231" } })

  it("goes to an upstream of another dialect, and ours where it has none", () => {
    const theirs = stamp(iso, stamps, read(cup, timed.toString("hex")), false)
    expect([theirs.get("12"), theirs.get("13")]).toEqual(["101112", "1231"])
    const ours = stamp(iso, stamps, sale, false)
    expect([ours.get("12"), ours.get("13")]).toEqual(["081501", "1127"])
    const longer = stamp(
      stampPaths(dialect("iso93-ascii")),
      stamps,
      read(cup, timed.toString("hex")),
      false
    )
    expect(longer.get("12")).toBe("261231101112")
  })

  it("is of the year in which it is nearest to ours", () => {
    const longer = stampPaths(dialect("iso93-ascii"))
    const at = (year: string, local: string, of: string, day: string) => {
      const asked = cup.patch(sale, { set: { "12": of, "13": day } })
      const source = read(cup, asked.toString("hex"))
      return stamp(longer, { ...stamps, year, local }, source, false).get("12")
    }
    expect(at("2027", "0101000002", "235958", "1231")).toBe("261231235958")
    expect(at("2026", "1231235959", "000001", "0101")).toBe("270101000001")
    const late = { ...record, localTime: "1231235958" }
    const facts = originalFacts(late, {}, dialect("iso93-ascii"), "", "20270101000002")
    expect(facts.localTime).toBe("20261231235958")
  })

  it("stays as it stands within its dialect", () => {
    const own = stamp(stampPaths(cup), stamps, read(cup, timed.toString("hex")), true)
    expect([own.get("12"), own.get("13")]).toEqual([undefined, undefined])
    const none = stamp(stampPaths(cup), stamps, sale, true)
    expect([none.get("12"), none.get("13")]).toEqual(["081501", "1127"])
  })
})
