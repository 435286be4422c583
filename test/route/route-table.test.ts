/** Routing stories: which upstream a sale goes to, what a table may not say, and why. */

import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { MerchantId } from "../../src/domain/brand.ts"
import type { RouteConfig } from "../../src/domain/config.ts"
import type { SourceFault } from "../../src/domain/source-fault.ts"
import { compileRoutes, explanationLines, type RouteTable } from "../../src/route/route-table.ts"
import { sale } from "./facts.ts"

const upstreams = new Set(["a", "b", "c", "wallet"])

function route(
  name: string,
  when: RouteConfig["when"],
  ...to: ReadonlyArray<string>
): RouteConfig {
  return { name, when, to }
}

function compile(...routes: ReadonlyArray<RouteConfig>): RouteTable {
  const table = compileRoutes(routes, upstreams, 7)
  if ("length" in table) throw new Error(JSON.stringify(table))
  return table
}

function faults(...routes: ReadonlyArray<RouteConfig>): ReadonlyArray<SourceFault> {
  const table = compileRoutes(routes, upstreams, 7)
  return "length" in table ? table : []
}

describe("a route of kinds that nobody routes", () => {
  it("is refused: they go where their original went", () => {
    expect(faults(route("voids", { kinds: ["sale", "void"] }, "a"))).toEqual([{
      path: "routes[0].when.kinds[1]",
      problem: "a void goes where its original went, whatever the routes say"
    }])
    expect(faults(route("own", { kinds: ["echo"] }, "a"))).toEqual([{
      path: "routes[0].when.kinds[0]",
      problem: "the switch answers echo itself"
    }])
  })
})

describe("a route table", () => {
  it("takes digits for a card or a code when they are enough, and nothing else for digits", () => {
    const table = compile(route("all", {}, "c"), route("nines", { bins: ["9"] }, "a"))
    const routed = (digits: string) => table.decide(sale({ digits })).route
    expect(routed("999999999999")).toBe("nines")
    expect(routed("9999999999990000000")).toBe("nines")
    for (const none of ["99999999999", "", "9999999999:9", "99999999999/", "\u0669".repeat(12)]) {
      expect([none, routed(none)]).toEqual([none, "all"])
    }
  })

  it("G3 lets the longest BIN win, wherever it is listed", () => {
    const table = compile(
      route("all", {}, "c"),
      route("unionpay", { bins: ["62"] }, "a"),
      route("one-bank", { bins: ["622155"] }, "b", "a")
    )
    expect(table.decide(sale())).toEqual({
      route: "one-bank",
      candidates: ["b", "a"],
      configVersion: 7
    })
    expect(table.decide(sale({ digits: "6222020000000000" })).route).toBe("unionpay")
    expect(table.decide(sale({ digits: "4111111111111111" })).route).toBe("all")
  })

  it("falls back to a shorter BIN when the longer one's other conditions fail", () => {
    const table = compile(
      route("small", { bins: ["622155"], maxAmount: 4999 }, "b"),
      route("unionpay", { bins: ["62"] }, "a")
    )
    expect(table.decide(sale({ amount: 4999 })).route).toBe("small")
    expect(table.decide(sale({ amount: 5000 })).route).toBe("unionpay")
  })

  it("takes ranges with both ends", () => {
    const table = compile(route("visa", { bins: ["4000-4999", "510000-559999"] }, "a"))
    const found = (digits: string) => table.decide(sale({ digits })).route
    expect(found("4000000000000000")).toBe("visa")
    expect(found("4999999999999999")).toBe("visa")
    expect(found("5599999999999999")).toBe("visa")
    expect(found("3999999999999999")).toBeUndefined()
    expect(found("5000000000000000")).toBeUndefined()
    expect(found("5600000000000000")).toBeUndefined()
  })

  it("falls back to a shorter BIN for its very last card as for any other", () => {
    const table = compile(
      route("one-card", { bins: ["629999999999"], maxAmount: 4999 }, "b"),
      route("unionpay", { bins: ["62"] }, "a")
    )
    const digits = "6299999999990000"
    expect(table.decide(sale({ digits, amount: 4999 })).route).toBe("one-card")
    expect(table.decide(sale({ digits, amount: 5000 })).route).toBe("unionpay")
  })

  it("knows a short merchant number behind the spaces that fill its field", () => {
    const table = compile(route("tea", { merchants: ["TEA01"] }, "a"), route("all", {}, "b"))
    expect(table.decide(sale({ merchant: "TEA01          " as MerchantId })).route).toBe("tea")
    expect(table.decide(sale({ merchant: "TEA011         " as MerchantId })).route).toBe("all")
  })

  it("decides by channel, kind, merchant, group, currency, amount and time of day", () => {
    const table = compile(
      route("codes", { channels: ["qr-customer"] }, "wallet"),
      route("balances", { kinds: ["balance"] }, "a"),
      route("one-shop", { merchants: ["M00000000000009"] }, "a", "b"),
      route("hotels", { groups: ["hotels"] }, "b"),
      route("dollars", { currencies: ["840"] }, "b", "c"),
      route("large", { minAmount: 1_000_000 }, "c"),
      route("night", { between: "22:00-06:00" }, "c", "a"),
      route("all", {}, "a", "c")
    )
    const found = (changes: Parameters<typeof sale>[0]) => table.decide(sale(changes)).route
    expect(found({ channel: "qr-customer", digits: "134650000000000000" })).toBe("codes")
    expect(found({ kind: "balance" })).toBe("balances")
    expect(found({ merchant: "M00000000000009" as MerchantId })).toBe("one-shop")
    expect(found({ group: "hotels" })).toBe("hotels")
    expect(found({ currency: "840" })).toBe("dollars")
    expect(found({ amount: 1_000_000 })).toBe("large")
    expect(found({ minuteOfDay: 22 * 60 })).toBe("night")
    expect(found({ minuteOfDay: 6 * 60 - 1 })).toBe("night")
    expect(found({ minuteOfDay: 6 * 60 })).toBe("all")
  })

  it("takes a time of day from its first minute to before its last, up to midnight", () => {
    const table = compile(
      route("day", { between: "08:30-17:45" }, "a"),
      route("late", { between: "23:15-24:00" }, "b")
    )
    const at = (hour: number, minute: number) =>
      table.decide(sale({ minuteOfDay: hour * 60 + minute })).route
    expect([at(8, 29), at(8, 30), at(17, 44), at(17, 45)]).toEqual([
      undefined,
      "day",
      "day",
      undefined
    ])
    expect([at(23, 14), at(23, 15), at(23, 59), at(0, 0)]).toEqual([
      undefined,
      "late",
      "late",
      undefined
    ])
  })

  it("meets no condition on amounts with a message that has none", () => {
    const table = compile(
      route("low", { maxAmount: 100 }, "a"),
      route("high", { minAmount: 0 }, "b")
    )
    const { amount: _, ...balance } = sale({ kind: "balance" })
    expect(table.decide(balance).route).toBeUndefined()
  })

  it("finds no BIN in digits that are no card and no code", () => {
    const table = compile(route("four", { bins: ["4"] }, "a"), route("all", {}, "b"))
    for (const digits of ["4", "", "41111111111", "4x11111111111111"]) {
      expect(table.decide(sale({ digits })).route).toBe("all")
    }
  })

  it("says so when nothing matches", () => {
    expect(compile(route("four", { bins: ["4"] }, "a")).decide(sale())).toEqual({
      route: undefined,
      candidates: [],
      configVersion: 7
    })
  })
})

describe("a route table is refused when", () => {
  it("two routes take the same cards under the same conditions (G3)", () => {
    expect(faults(
      route("first", { bins: ["62"] }, "a"),
      route("second", { bins: ["60-64"] }, "b")
    )).toEqual([{
      path: "routes[1]",
      problem: "second can never match on 2-digit BINs they share: first takes everything first"
    }])
  })

  it("a route stands behind one that takes everything", () => {
    expect(faults(route("all", {}, "a"), route("night", { between: "22:00-23:00" }, "b")))
      .toMatchObject([{ path: "routes[1]" }])
    expect(faults(route("night", { between: "22:00-23:00" }, "b"), route("all", {}, "a")))
      .toEqual([])
  })

  it("what takes everything first stands further up than the route before it", () => {
    expect(faults(
      route("first", { kinds: ["sale", "preauth"] }, "a"),
      route("between", { kinds: ["balance"] }, "b"),
      route("last", { kinds: ["sale"] }, "c")
    )).toEqual([{
      path: "routes[2]",
      problem: "last can never match: first takes everything first"
    }])
  })

  it("a route stands behind one that takes at least its amounts and its hours, and else not", () => {
    const hidden = (first: RouteConfig["when"], second: RouteConfig["when"]) =>
      faults(route("first", first, "a"), route("second", second, "b")).length > 0
    expect(hidden({ minAmount: 100 }, { minAmount: 100 })).toBe(true)
    expect(hidden({ minAmount: 100 }, { minAmount: 99 })).toBe(false)
    expect(hidden({ minAmount: 100 }, { kinds: ["sale"] })).toBe(false)
    expect(hidden({ maxAmount: 100 }, { maxAmount: 100 })).toBe(true)
    expect(hidden({ maxAmount: 100 }, { maxAmount: 101 })).toBe(false)
    expect(hidden({ maxAmount: 100 }, { kinds: ["sale"] })).toBe(false)
    expect(hidden({ between: "08:00-18:00" }, { between: "08:00-18:00" })).toBe(true)
    expect(hidden({ between: "22:00-06:00" }, { between: "23:00-05:30" })).toBe(true)
    expect(hidden({ between: "08:00-18:00" }, { between: "07:59-18:00" })).toBe(false)
    expect(hidden({ between: "08:00-18:00" }, { between: "08:00-18:01" })).toBe(false)
    expect(hidden({ between: "08:00-18:00" }, { kinds: ["sale"] })).toBe(false)
    // The first and the last minute of the day are minutes like others.
    expect(hidden({ between: "00:01-24:00" }, { between: "00:00-24:00" })).toBe(false)
    expect(hidden({ between: "00:00-23:59" }, { between: "23:59-24:00" })).toBe(false)
    expect(hidden({ between: "00:00-24:00" }, { between: "23:59-00:00" })).toBe(true)
    expect(hidden({ kinds: ["sale", "preauth"] }, { kinds: ["sale"] })).toBe(true)
    expect(hidden({ kinds: ["sale"] }, { kinds: ["sale", "preauth"] })).toBe(false)
  })

  it.each([
    "24:00-01:00",
    "00:00-24:01",
    "08:00-08:00",
    "8:00-9:00",
    "108:00-09:00",
    "08:00-09:00:30"
  ])(
    "its hours are %s, which are none",
    (between) => {
      expect(faults(route("hours", { between }, "a")).map(({ path }) => path)).toEqual([
        "routes[0].when.between"
      ])
    }
  )

  it("its amounts leave none between them, but not for a single one", () => {
    const told = (minAmount: number, maxAmount: number) =>
      faults(route("amounts", { minAmount, maxAmount }, "a")).length
    expect([told(100, 99), told(100, 100)]).toEqual([1, 0])
  })

  it("an amount is negative, or no whole number of minor units", () => {
    for (const amount of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(faults(route("amounts", { maxAmount: amount }, "a"))).toMatchObject([{
        path: "routes[0].when.maxAmount",
        problem: "an amount is a whole number of minor units, not negative"
      }])
    }
    expect(faults(route("amounts", { maxAmount: 0 }, "a"))).toEqual([])
  })

  it("two routes hide each other, once, however many ranges they share", () => {
    const bins = ["62", "40", "51"]
    expect(faults(route("first", { bins }, "a"), route("second", { bins }, "b"))).toEqual([{
      path: "routes[1]",
      problem: "second can never match on 2-digit BINs they share: first takes everything first"
    }])
    expect(faults(route("first", {}, "a"), route("second", {}, "b"))).toEqual([{
      path: "routes[1]",
      problem: "second can never match: first takes everything first"
    }])
  })

  it("a prefix is longer than is looked at", () => {
    expect(faults(route("long", { bins: ["123456789012"] }, "a"))).toEqual([])
    expect(faults(route("long", { bins: ["1234567890123"] }, "a"))).toMatchObject([{
      path: "routes[0].when.bins[0]"
    }])
  })

  it("it leads nowhere, to an unknown upstream, or twice to the same (G4)", () => {
    expect(
      faults(
        route("empty", { bins: ["1"] }),
        route("lost", { bins: ["2"] }, "nobody"),
        route("twice", { bins: ["3"] }, "a", "a")
      ).map(({ path }) => path)
    ).toEqual(["routes[0].to", "routes[1].to[0]", "routes[2].to[1]"])
  })

  it("a condition cannot be read or cannot be met, and all are told at once", () => {
    const bad: RouteConfig["when"] = {
      bins: ["62x", "5000-4000", "40-4999", "1234567890123"],
      channels: [],
      minAmount: 10,
      maxAmount: 5,
      between: "25:00-26:00"
    }
    expect(
      faults(route("same", bad, "a"), route("same", { minAmount: 0.5 }, "a")).map((fault) =>
        fault.path
      )
    ).toEqual([
      "routes[0].when.channels",
      "routes[0].when.minAmount",
      "routes[0].when.between",
      "routes[0].when.bins[0]",
      "routes[0].when.bins[1]",
      "routes[0].when.bins[2]",
      "routes[0].when.bins[3]",
      "routes[1].name",
      "routes[1].when.minAmount"
    ])
  })
})

describe("an explanation", () => {
  it("names every route and why it was passed over, and no digit of the card", () => {
    const table = compile(
      route("small", { bins: ["622155"], maxAmount: 100 }, "b"),
      route("unionpay", { bins: ["62"] }, "a", "c"),
      route("visa", { bins: ["4"] }, "b"),
      route("all", {}, "c")
    )
    const lines = explanationLines(table.explain(sale()))
    expect(lines).toEqual([
      "  small (6 digits): amount too high or absent",
      "→ unionpay (2 digits): matches",
      "  all (any card): not looked at, an earlier one won",
      "  visa: no BIN of it matches",
      "route unionpay leads to a, then c (configuration 7)"
    ])
    expect(lines.join()).not.toContain("6221")
  })

  it("says of each condition by itself that it is not met", () => {
    const unmet: ReadonlyArray<readonly [RouteConfig["when"], string]> = [
      [{ channels: ["qr-customer"] }, "other channels"],
      [{ kinds: ["balance"] }, "other kinds"],
      [{ currencies: ["840"] }, "other currencies"],
      [{ minAmount: 5001 }, "amount too low or absent"],
      [{ maxAmount: 4999 }, "amount too high or absent"],
      [{ groups: ["hotels"] }, "other groups"],
      [{ merchants: ["M2"] }, "other merchants"],
      [{ between: "23:59-00:00" }, "another time of day"]
    ]
    for (const [when, reason] of unmet) {
      const table = compile(route("only", when, "a"))
      expect(explanationLines(table.explain(sale({ amount: 5000, minuteOfDay: 0 })))).toEqual([
        `  only (any card): ${reason}`,
        "no route: the terminal is told 15 (configuration 7)"
      ])
    }
  })

  it("names a route once, by the longest of its BINs that match", () => {
    const table = compile(route("unionpay", { bins: ["62", "622155"] }, "a"))
    expect(explanationLines(table.explain(sale()))).toEqual([
      "→ unionpay (6 digits): matches",
      "route unionpay leads to a (configuration 7)"
    ])
  })
})

/** The rule as one reads it aloud: scan everything, keep the longest, then the first. */
function plain(routes: ReadonlyArray<RouteConfig>, digits: string, amount: number) {
  let best: { readonly name: string; readonly length: number } | undefined
  for (const { name, when } of routes) {
    if (when.maxAmount !== undefined && amount > when.maxAmount) continue
    const lengths = (when.bins ?? [""]).filter((bin) => {
      const [low = "", high = low] = bin.split("-")
      const prefix = digits.slice(0, low.length)
      return low <= prefix && prefix <= high
    }).map((bin) => bin.split("-")[0]!.length)
    const length = Math.max(-1, ...lengths)
    if (length >= 0 && (best === undefined || length > best.length)) best = { name, length }
  }
  return best?.name
}

describe("any table", () => {
  const bin = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(9999), fc.nat(30)).map(
    ([length, from, more]) => {
      const low = from % 10 ** length
      const high = Math.min(low + more, 10 ** length - 1)
      const text = (value: number) => String(value).padStart(length, "0")
      return more % 3 === 0 ? text(low) : `${text(low)}-${text(high)}`
    }
  )
  const routes = fc.array(
    fc.record({
      bins: fc.option(fc.array(bin, { minLength: 1, maxLength: 4 }), { nil: undefined }),
      maxAmount: fc.option(fc.nat(100), { nil: undefined })
    }),
    { minLength: 1, maxLength: 12 }
  ).map((all) =>
    all.map(({ bins, maxAmount }, index) =>
      route(
        `r${index}`,
        { ...bins === undefined ? {} : { bins }, ...maxAmount === undefined ? {} : { maxAmount } },
        "a"
      )
    )
  )

  it("decides as reading all routes aloud would, or was refused for a route that never wins", () => {
    let accepted = 0
    const cards = fc.array(fc.tuple(fc.nat(9999), fc.nat(110)), { minLength: 20, maxLength: 20 })
    fc.assert(
      fc.property(routes, cards, (all, asked) => {
        const table = compileRoutes(all, upstreams, 1)
        if ("length" in table) return
        accepted++
        for (const [card, amount] of asked) {
          const digits = String(card).padStart(4, "0") + "000000000000"
          const { route: found } = table.decide(sale({ digits, amount }))
          expect(found).toBe(plain(all, digits, amount))
          const { steps } = table.explain(sale({ digits, amount }))
          expect(steps.find(({ outcome }) => outcome === "matched")?.route).toBe(found)
          expect(steps.length).toBeGreaterThanOrEqual(all.length)
        }
      }),
      { numRuns: 1000 }
    )
    expect(accepted).toBeGreaterThan(100)
  })
})
