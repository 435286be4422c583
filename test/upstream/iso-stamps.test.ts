/**
 * What the switch writes by itself, in every dialect that comes along: a reversal and a sign-on are
 * whole by the dialect's own rules, and times are as long as their fields.
 */

import { readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import type { Stan } from "../../src/domain/brand.ts"
import { makeLocalClock } from "../../src/domain/business-day.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { IsoPlanner } from "../../src/upstream/iso-planner.ts"
import { originalFacts, stamp, stampPaths } from "../../src/upstream/iso-stamps.ts"
import { RrnAllocator } from "../../src/upstream/stan-allocator.ts"
import { ManualTime } from "../actor/manual-time.ts"
import { captured, dialect, read } from "../iso8583/shipped.ts"
import { upstreamConfig } from "./station.ts"

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

describe("what a reversal knows of its original", () => {
  const iso = dialect("iso87-ascii")
  const sentTime = "20261127081451"

  it("is all that was kept of it, by the upstream's own names before the terminal's", () => {
    const whole = {
      ...record,
      entryMode: "051",
      rrn: "TERMINALRRN1",
      upstreamStan: "000777",
      upstreamRrn: "UPSTREAMRRN1",
      authCode: "A12345"
    } as TransactionRecord
    const card = { pan: "6235012345678900", expiry: "3012", cardSequence: "001" }
    expect(originalFacts(whole, card, iso, "12345678", sentTime)).toStrictEqual({
      kind: "sale",
      mti: "0200",
      stan: "000777",
      processingCode: "000000",
      transmissionTime: "1127001451",
      localTime: "20261127081450",
      terminal: "T1",
      merchant: "M1",
      amount: "000000001000",
      currency: "156",
      exponent: "2",
      batch: "000001",
      entryMode: "051",
      rrn: "UPSTREAMRRN1",
      authCode: "A12345",
      acquirer: "12345678",
      pan: "6235012345678900",
      expiry: "3012",
      cardSequence: "001"
    })
  })

  it("is when it was sent, and nothing else, where nothing else was said", () => {
    const { kind, merchant, mti, processingCode, stan, terminal } = record
    const bare = { kind, merchant, mti, processingCode, stan, terminal } as TransactionRecord
    expect(originalFacts(bare, {}, iso, "", sentTime)).toStrictEqual({
      kind,
      mti,
      stan,
      processingCode,
      transmissionTime: "1127081451",
      localTime: sentTime,
      terminal,
      merchant
    })
    const named = { ...bare, rrn: "TERMINALRRN1" } as TransactionRecord
    expect(originalFacts(named, {}, iso, "", sentTime).rrn).toBe("TERMINALRRN1")
  })

  it("says in the upstream's own form what the terminal said in another", () => {
    const other = { ...record, mti: "1200" }
    expect(originalFacts(other, {}, iso, "", sentTime).mti).toBe("0200")
  })
})

describe("our own stamps", () => {
  const paths = stampPaths(dialect("iso87-ascii"))

  it("are in the fields of the dialect, and none is empty", () => {
    const all = stamp(paths, stamps, undefined, true)
    expect([all.get("7"), all.get("11"), all.get("32"), all.get("37")]).toEqual([
      "1127001501",
      "000124",
      "12345678",
      "000000000012"
    ])
    const few = stamp(paths, { ...stamps, rrn: "", acquirer: "" }, undefined, true)
    expect([few.get("11"), few.get("32"), few.get("37")]).toEqual(["000124", undefined, undefined])
  })
})

describe.each(names)("a network message in %s", (name) => {
  const spoken = dialect(name)
  const time = new ManualTime()
  time.wall = Date.UTC(2026, 10, 27, 0, 15, 1)
  const planner = new IsoPlanner(
    { ...upstreamConfig, acquirerId: "1234567890" },
    {
      time: time.shape,
      rrns: new RrnAllocator("n1", time.wall),
      local: makeLocalClock("Asia/Shanghai"),
      utc: makeLocalClock("UTC")
    },
    spoken,
    new Map(),
    false,
    undefined
  )

  it.each(["sign-on", "sign-off", "echo"] as const)(
    "for %s is whole, where there is one",
    (kind) => {
      const made = planner.management(kind, "000124" as Stan)
      if (spoken.form(kind) === undefined) return expect(made).toBeUndefined()
      const message = read(spoken, made!.body.toString("hex"))
      expect([message.kind(), message.mti]).toEqual([kind, made!.mti])
      expect(Number(message.role("stan"))).toBe(124)
      const { localTime, transmissionTime } = stampPaths(spoken)
      if (transmissionTime !== undefined) expect(message.text(transmissionTime)).toBe("1127001501")
      // From 1993 on every message says when, with its date.
      const said = localTime === undefined ? undefined : message.text(localTime)
      expect(said).toBe(times[name])
      // Hosts of terminals want to know who speaks; others are not troubled with it.
      const we = name.includes("pos") ? ["34567890", "000001234567890"] : [undefined, undefined]
      expect([message.role("terminal"), message.role("merchant")]).toEqual(we)
    }
  )
})
