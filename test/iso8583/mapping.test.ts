/** A terminal in one dialect, a host in another, and one dialect with itself. */

import { describe, expect, it } from "vitest"
import { compileMapping, identityMapping } from "../../src/iso8583/compile-mapping.ts"
import { captured, dialect, mapping, read, source } from "./shipped.ts"

const cup = dialect("cup-pos")
const iso = dialect("iso87-ascii")
const stamp = { "7": "1126134400", "11": "000777", "37": "000000000777" }

function bytes(result: unknown): string {
  if (!(result instanceof Uint8Array)) throw new Error(JSON.stringify(result))
  return Buffer.from(result).toString("hex")
}

describe("China UnionPay to 1987", () => {
  const across = mapping(cup, iso)
  const sale = read(cup, captured["mac-c"]!)

  it("carries what is named, and nothing else", () => {
    const there = read(iso, bytes(across.forward(sale, stamp, true)))
    expect(there.mti).toBe("0200")
    expect(there.kind()).toBe("sale")
    expect(there.role("pan")).toBe("6235013452200000069")
    expect(there.text("35")).toBe("6235013452200000069=26112207788010000")
    expect(there.text("55")).toBe(sale.text("55"))
    expect(there.text("11")).toBe("000777")
    expect([there.has(52), there.has(53), there.has(60)]).toEqual([false, false, false])
    expect(there.raw("64")).toEqual(Buffer.alloc(8))
  })

  it("takes the card number of a swipe from its track", () => {
    const swipe = read(cup, captured["sample-7"]!)
    const there = read(iso, bytes(across.forward(swipe, stamp, false)))
    expect(there.text("2")).toBe("6221550999400728")
    expect(there.has(64)).toBe(false)
  })

  it("brings back what the answer adds", () => {
    const there = read(iso, bytes(across.forward(sale, stamp, false)))
    const answer = read(iso, iso.respond(there, "00", { "38": "A1B2C3" }, false).toString("hex"))
    const back = across.back(answer)
    expect([back.text("38"), back.text("37")]).toEqual(["A1B2C3", "000000000777"])
    expect(back.paths).not.toContain("11")
  })

  it("names the field that a request cannot fill", () => {
    expect(across.forward(sale, {}, true)).toMatchObject({ path: "11" })
    const answer = read(cup, captured["sample-19"]!)
    expect(across.forward(answer, stamp, true)).toMatchObject({ path: "mti" })
  })

  it("is refused at load for each mistake, all at once", () => {
    const file = source("mappings", "cup-pos-to-iso87-ascii") as {
      stamp: Array<string>
      forward: Record<string, unknown>
    }
    const { "41": _terminal, ...forward } = file.forward
    const faults = compileMapping(
      {
        ...file,
        stamp: ["7", "52"],
        forward: { ...forward, "35": "35", "48": "track2", "200": "3", "60": "nothing" }
      },
      cup,
      iso
    )
    const paths = (faults as ReadonlyArray<{ path: string }>).map(({ path }) => path)
    expect(paths).toContain("stamp")
    expect(paths).toContain("forward.35")
    expect(paths).toContain("forward.48")
    expect(paths).toContain("forward.200")
    expect(paths).toContain("forward.60")
    expect(paths).toContain("forward.41")
    expect(paths).toContain("forward.11")
  })
})

describe("a rule", () => {
  const file = source("mappings", "cup-pos-to-iso87-ascii") as { forward: object; back: object }
  const faults = (forward: object, back: object = {}) => {
    const made = compileMapping(
      { ...file, forward: { ...file.forward, ...forward }, back: { ...file.back, ...back } },
      cup,
      iso
    )
    return "forward" in made ? [] : made.map(({ path, problem }) => `${path} ${problem}`)
  }

  it.each([
    ["a PIN block named a track", { "48": { from: "52", translate: "track" } }, /48 needs .*pin/],
    ["a PIN block by its role", { "48": { from: "pinBlock", translate: "track" } }, /48 needs/],
    ["a track named a PIN block", { "35": { translate: "pin" } }, /35 needs translate: track/],
    ["a MAC", { "64": { from: "=AAAAAAAAAAAAAAAA", translate: "control" } }, /64 is a MAC/],
    ["a MAC of the other side", { "48": { from: "64", translate: "track" } }, /48 is a MAC/],
    ["a PIN block as it came", { "52": { from: "52", translate: "pin" } }, /52 .* takes no from/],
    ["what is no track where a track stands", { "45": "41" }, /45 needs translate: track/],
    ["a control field of the other side", { "53": "41" }, /53 needs translate: control/],
    ["a MAC at the end of a long message", { "128": "=AAAAAAAAAAAAAAAA" }, /128 is a MAC/],
    ["what a track says behind its card number", { "48": "35.discretionary" }, /48 needs .*track/],
    ["a cut that is no two numbers", { "48": { from: "41", cut: [2] } }, /48.cut must be two/],
    ["a text that does not fit", { "18": "=54110" }, /18 "54110" must be 4 characters/],
    ["letters for digits", { "18": "=54a1" }, /18 "54a1" must be digits/],
    ["a default that does not fit", { "26": { from: "26", default: "123" } }, /26.default "123"/],
    ["a map to what does not fit", { "22": { from: "22", map: { "021": "0210" } } }, /22.map.021/]
  ])("is refused at load where it carries %s", (_, forward, fault) => {
    expect(faults(forward)).toEqual([expect.stringMatching(fault)])
  })

  it("may carry what is none of these", () => {
    expect(faults({
      "18": "=5411",
      "34": "35.pan",
      "36": { from: "36", translate: "track" },
      "48": { from: "41", cut: [2, 4] }
    })).toEqual([])
  })

  it("is left out where its condition says so", () => {
    const sale = read(cup, captured["mac-c"]!)
    const made = (rule: object) => {
      const across = compileMapping(
        { ...file, forward: { ...file.forward, "48": { from: "41", ...rule } } },
        cup,
        iso
      )
      if (!("forward" in across)) throw new Error(JSON.stringify(across))
      return read(iso, bytes(across.forward(sale, stamp, false))).text("48")
    }
    const terminal = sale.text("41")
    expect([made({ when: { "4": "present" } }), made({ when: { "4": "absent" } })])
      .toEqual([terminal, undefined])
    expect([made({ unless: { "4": "present" } }), made({ unless: { "4": "absent" } })])
      .toEqual([undefined, terminal])
  })

  it("brings back nothing that its field cannot hold, and all the rest", () => {
    const across = compileMapping(
      { ...file, back: { "38": "38", "39": "44", "37": "37" } },
      cup,
      iso
    )
    if (!("back" in across)) throw new Error(JSON.stringify(across))
    const values = { "11": "000001", "37": "000000000012", "38": "A1B2C3", "39": "00" }
    const answer = read(iso, iso.build("0210", { ...values, "44": "too long" }).toString("hex"))
    expect([...across.back(answer).paths].sort()).toEqual(["37", "38"])
  })

  it("brings no MAC back", () => {
    expect(faults({}, { "64": { from: "64", translate: "control" } })).toEqual([
      "back.64 is a MAC, which the switch makes anew"
    ])
  })
})

describe("1987 to China UnionPay", () => {
  it("makes a sale of the same kind", () => {
    const there = mapping(cup, iso).forward(read(cup, captured["mac-c"]!), stamp, false)
    const sale = read(iso, bytes(there))
    const back = mapping(iso, cup).forward(sale, { "11": "000001", "60.2": "000009" }, true)
    const message = read(cup, bytes(back))
    expect(message.kind()).toBe("sale")
    expect(message.text("60")).toBe("22000009000")
    expect(message.text("35")).toBe("6235013452200000069=26112207788010000")
  })

  it("says a batch of zeros for a terminal that has none", () => {
    const sale = read(
      iso,
      iso.build("0200", {
        "2": "6235013452200000069",
        "3": "000000",
        "4": "000000000556",
        "11": "000003",
        "41": "ASCI0001",
        "42": "MERCHANT0000002",
        "49": "156"
      }).toString("hex")
    )
    const there = read(cup, bytes(mapping(iso, cup).forward(sale, { "11": "000777" }, false)))
    expect(there.text("60")).toBe("22000000000")
  })
})

describe("one dialect with itself", () => {
  it("leaves every byte that the stamp does not touch", () => {
    const sale = read(cup, captured["mac-c"]!)
    const there = read(cup, bytes(identityMapping(cup).forward(sale, { "11": "000999" }, true)))
    for (const field of sale.fields()) {
      if (field !== 11 && field !== 64) {
        expect(there.raw(String(field))).toEqual(sale.raw(String(field)))
      }
    }
  })

  it("leaves behind what a host says again and nobody may store", () => {
    const values = { "11": "1", "35": "6235013452200000069=2611", "38": "A1B2C3", "39": "00" }
    const secrets = { "45": "B6235013452200000069^", "52": "FF0C47F016D61C79" }
    const answer = read(iso, iso.build("0210", { ...values, ...secrets }).toString("hex"))
    expect(identityMapping(iso).back(answer).paths).toEqual(["38"])
  })

  it("leaves the host's MAC behind, in whichever bitmap it stands", () => {
    const values = { "11": "000001", "39": "00", "102": "account" }
    const answer = read(iso, iso.build("0210", values, true).toString("hex"))
    expect(answer.has(128)).toBe(true)
    expect(identityMapping(iso).back(answer).paths).toEqual(["102"])
  })

  it("brings back what a response would not echo", () => {
    const sale = read(cup, captured["mac-c"]!)
    const answer = cup.respond(sale, "00", { "38": "123456", "37": "000000000012" }, true)
    const back = identityMapping(cup).back(read(cup, answer.toString("hex")))
    expect(back.paths).toEqual(["4", "37", "38"])
  })
})
