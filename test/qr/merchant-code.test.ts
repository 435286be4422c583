/** EMVCo merchant codes: the published and the captured ones, and what must be refused. */

import { readFileSync } from "node:fs"

import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { crc16, crc16Text } from "../../src/qr/crc16.ts"
import { formatAmount, parseAmount } from "../../src/qr/currency-exponent.ts"
import { buildMerchantCode, parseMerchantCode } from "../../src/qr/merchant-code.ts"

/** EMVCo MPM 1.1 example; card-style test code; codes seen in Laos, Vietnam and Korea. */
const vectors: Readonly<Record<"emvco" | "card" | "laos" | "vietnam" | "korea", string>> = JSON
  .parse(readFileSync(new URL("../corpus/qr/emv-codes.json", import.meta.url), "utf8")).merchant

function parsed(text: string) {
  const code = parseMerchantCode(text)
  if ("_tag" in code) throw new Error(`refused: ${JSON.stringify(code)}`)
  return code
}

function faultPath(text: string): string {
  const code = parseMerchantCode(text)
  return "_tag" in code ? code.path : "parsed"
}

/** Puts the right checksum behind a changed code, so that another rule must catch it. */
function sealed(body: string): string {
  const text = body.replace(/6304[0-9A-F]{4}$/, "6304")
  return text + crc16Text(Buffer.from(text, "utf8"))
}

describe("the checksum", () => {
  it("has the check value of its definition and keeps leading zeros", () => {
    assert.equal(crc16(Buffer.from("123456789")), 0x29b1)
    const short = Array.from({ length: 5000 }, (_, index) => crc16Text(Buffer.from(`${index}`)))
    assert.ok(short.some((text) => text.startsWith("00")))
    assert.ok(short.every((text) => /^[0-9A-F]{4}$/.test(text)))
  })
})

describe("a merchant code", () => {
  it("of EMVCo's own example is read with every part", () => {
    const code = parsed(vectors.emvco)
    assert.equal(code.initiation, "dynamic")
    assert.equal(code.name, "BEST TRANSPORT")
    assert.equal(code.city, "BEIJING")
    assert.equal(code.category, "4111")
    assert.equal(code.currency, "156")
    assert.equal(code.amount, 2372)
    assert.deepEqual(code.tip, { kind: "asked" })
    assert.deepEqual(code.accounts.map(({ globalId, id }) => [id, globalId]), [
      ["29", "D15600000000"],
      ["31", "D15600000001"]
    ])
    assert.deepEqual([...code.additional], [["03", "1234"], ["06", "***"], ["07", "A6008667"], [
      "09",
      "ME"
    ]])
    const language = code.objects.find(({ id }) => id === "64")
    assert.equal(language?.children?.[1]?.value, "最佳运输")
  })

  it("counts characters and sums bytes, as the Korean one shows", () => {
    const code = parsed(vectors.korea)
    assert.equal(code.currency, "410")
    assert.equal(code.objects.find(({ id }) => id === "64")?.children?.[1]?.value.length, 12)
  })

  it("may have its sub-ids in any order and a foreign global id, as the Vietnamese one", () => {
    const code = parsed(vectors.vietnam)
    assert.deepEqual(code.tip, { kind: "fixed", amount: 0 })
    assert.equal(code.accounts.find(({ id }) => id === "26")?.globalId, "vn.zalopay")
    assert.equal(code.accounts.find(({ id }) => id === "50")?.globalId, "SACOMBANKQR")
  })

  it("is written as it was read, whichever vector", () => {
    for (const [name, text] of Object.entries(vectors)) {
      const code = parsed(text)
      assert.equal(buildMerchantCode(code.objects), text, name)
    }
  })

  it("is refused when any single character is changed", () => {
    const text = Array.from(vectors.emvco)
    for (let index = 0; index < text.length; index++) {
      const changed = [...text]
      changed[index] = text[index] === "1" ? "2" : "1"
      assert.notEqual(faultPath(changed.join("")), "parsed", `at ${index}`)
    }
  })

  it("is refused by the path of what is wrong", () => {
    assert.equal(faultPath(""), "")
    assert.equal(faultPath("6304"), "63")
    assert.equal(faultPath("x".repeat(600)), "")
    assert.equal(faultPath("😀".repeat(5000)), "")
    assert.equal(faultPath(vectors.emvco.slice(0, -4) + "A13B"), "63")
    assert.equal(faultPath(sealed(vectors.emvco.replace("5802CN", "5902CN"))), "59")
    assert.equal(faultPath(sealed(vectors.emvco.replace("540523.72", "540523,72"))), "54")
    assert.equal(faultPath(sealed(vectors.emvco.replace("540523.72", "540500000"))), "54")
    assert.equal(faultPath(sealed(vectors.emvco.replace("550201", "550204"))), "55")
    assert.equal(faultPath(sealed(vectors.emvco.replace("52044111", "5204411A"))), "52")
    assert.equal(faultPath(sealed(vectors.emvco.replace("62330304", "62330399"))), "62.03")
    assert.equal(faultPath(sealed(vectors.emvco.replace("000201", "000202"))), "00")
    assert.equal(faultPath(sealed("0002016304")), "52")
    assert.equal(faultPath(sealed(vectors.emvco.replace("000201", "610201"))), "00")
    assert.equal(faultPath(sealed(vectors.emvco.replace("52044111", "520541112"))), "52")
    assert.equal(faultPath(sealed(vectors.emvco.replace("52044111", "5205A4111"))), "52")
    for (const currency of ["5303A56", "53041560", "5304A156"]) {
      assert.equal(faultPath(sealed(vectors.emvco.replace("5303156", currency))), "53")
    }
    const amounting = (text: string) =>
      faultPath(sealed(vectors.emvco.replace("540523.72", `54${text.length}${text}`)))
    assert.deepEqual(["9999999999.99", "09999999999.99"].map(amounting), ["parsed", "54"])
    assert.equal(faultPath(sealed("00020199 96304")), "99")
    assert.equal(faultPath(sealed("000201٠١02xx6304")), "")
  })

  it("has at least one account, in the slots that are the schemes'", () => {
    const rest = "52044111530315658 02CN5901A6001B".replace(" ", "")
    const withSlot = (id: string) => faultPath(sealed(`000201${id}011${rest}6304`))
    assert.deepEqual(["02", "25", "61", "01"].map(withSlot), [
      "parsed",
      "parsed",
      "02-51",
      "02-51"
    ])
    const template = (id: string) => faultPath(sealed(`000201${id}050001X${rest}6304`))
    assert.deepEqual(["26", "51", "52"].map(template), ["parsed", "parsed", "52"])
    assert.equal(withSlot("51"), "51")
    for (const id of ["52", "53", "58", "59", "60"]) {
      const without = parsed(vectors.card).objects.filter((object) => object.id !== id)
      const built = buildMerchantCode(without)
      assert.equal(typeof built === "string" ? "built" : built[0]?.path, id)
    }
  })

  it("has a tip as its indicator says, within its bounds", () => {
    const base = parsed(vectors.card).objects.filter(({ id }) => !["55", "56", "57"].includes(id))
    const tipOf = (...more: ReadonlyArray<readonly [string, string]>) => {
      const code = buildMerchantCode([...base, ...more.map(([id, value]) => ({ id, value }))])
      return typeof code === "string" ? parsed(code).tip : code[0]?.path
    }
    assert.equal(tipOf(), undefined)
    assert.deepEqual(tipOf(["55", "01"]), { kind: "asked" })
    assert.deepEqual(tipOf(["55", "02"], ["56", "1"]), {
      kind: "fixed",
      amount: parsed(vectors.card).currency === "392" ? 1 : 100
    })
    assert.equal(tipOf(["55", "02"]), "56")
    const share = (text: string) => tipOf(["55", "03"], ["57", text])
    assert.deepEqual(share("00.01"), { kind: "share", basisPoints: 1 })
    assert.deepEqual(share("99.99"), { kind: "share", basisPoints: 9999 })
    assert.deepEqual([share("00.00"), share("100.00")], ["57", "57"])
    assert.equal(tipOf(["55", "03"]), "57")
  })

  it("says how often it may be used, and counts 512 characters at most", () => {
    const base = parsed(vectors.card).objects.filter(({ id }) => id !== "01" && id !== "63")
    const [first, ...rest] = base
    const initiated = (value: string) => {
      const code = buildMerchantCode([first!, { id: "01", value }, ...rest])
      return typeof code === "string" ? parsed(code).initiation : code[0]?.path
    }
    assert.deepEqual(["11", "12", "13"].map(initiated), ["static", "dynamic", undefined])
    const text = buildMerchantCode(base)
    assert.ok(typeof text === "string")
    // Characters beyond the basic plane: one of the code, two of JavaScript, four of UTF-8.
    const filled = (length: number) => {
      const body = text.slice(0, -8)
      const room = length - Array.from(text).length
      const ids = ["65", "66", "67", "68", "69", "70", "71", "72"]
      let added = ""
      for (let left = room, at = 0; left > 0; at++) {
        const next = left > 103 && left < 108 ? 50 : Math.min(103, left)
        added += `${ids[at]}${String(next - 4).padStart(2, "0")}${"😀".repeat(next - 4)}`
        left -= next
      }
      return faultPath(sealed(`${body}${added}6304`))
    }
    assert.deepEqual([511, 512, 513].map(filled), ["parsed", "parsed", ""])
  })

  it("that cannot be followed is told by the place where it breaks off", () => {
    const place = (body: string) => {
      const code = parseMerchantCode(sealed(`000201${body}6304`))
      return "_tag" in code ? `${code.path} ${code.offset} ${code.expected}` : "parsed"
    }
    assert.equal(place("99 9"), "99 8 a length of 01 to 99")
    assert.equal(place("9900"), "99 8 a length of 01 to 99")
    assert.equal(place("9x"), " 6 an id of two digits")
    assert.equal(place("00011"), "00 6 an id that was not there before")
    assert.equal(place("62080399abcd"), "62.03 14 a value of 99 characters")
    assert.equal(place("62100301a0301b"), "62.03 15 an id that was not there before")
    assert.equal(place("6205xx01a"), "62 10 an id of two digits")
    assert.equal(place("620503000"), "62.03 12 a length of 01 to 99")
  })

  it("is written from what its templates hold now", () => {
    const { objects } = parsed(vectors.emvco)
    const changed = objects.map((object) =>
      object.id === "62"
        ? { id: "62", value: object.value, children: [{ id: "03", value: "9".repeat(25) }] }
        : object
    )
    const code = buildMerchantCode(changed)
    assert.ok(typeof code === "string")
    assert.deepEqual([...parsed(code).additional], [["03", "9".repeat(25)]])
  })

  it("ends with its checksum, in capital letters, and a wrong one is told by its place", () => {
    const { length } = Array.from(vectors.emvco)
    const lower = vectors.emvco.slice(-4).toLowerCase()
    assert.notEqual(lower, vectors.emvco.slice(-4))
    assert.equal(faultPath(vectors.emvco.slice(0, -4) + lower), "63")
    const offset = (text: string) => {
      const code = parseMerchantCode(text)
      return "_tag" in code && code.path === "63" ? code.offset : code
    }
    assert.equal(offset(`${vectors.emvco.slice(0, -4)}0000`), length - 4)
    const other = `${vectors.emvco.slice(0, -8)}6404`
    assert.equal(offset(other + crc16Text(Buffer.from(other, "utf8"))), length - 8)
    assert.deepEqual(["6304", "6304123"].map(offset), [0, 0])
  })

  it("gets its format where it is written without one", () => {
    const { objects } = parsed(vectors.card)
    assert.equal(buildMerchantCode(objects.slice(1)), vectors.card)
  })

  it("is not built from objects that are none", () => {
    const { objects } = parsed(vectors.card)
    const refused = (each: Parameters<typeof buildMerchantCode>[0]) => {
      const code = buildMerchantCode(each)
      return typeof code === "string" ? code : code[0]?.path
    }
    assert.equal(refused([...objects, { id: "59", value: "again" }]), "59")
    assert.equal(refused([{ id: "59", value: "" }]), "59")
    assert.equal(refused([{ id: "59", value: "x".repeat(100) }]), "59")
    assert.equal(refused([{ id: "5", value: "x" }]), "5")
  })

  it("of random text is parsed or refused, and never throws", () => {
    const text = fc.oneof(
      fc.string({ maxLength: 200 }),
      fc.string({ unit: "binary", maxLength: 100 }),
      fc.stringMatching(/^[0-9]{8,120}$/).map(sealed)
    )
    fc.assert(
      fc.property(text, (each) => {
        const code = parseMerchantCode(each)
        assert.ok("_tag" in code || code.objects.length > 0)
      }),
      { numRuns: 1000 }
    )
  })
})

describe("an amount", () => {
  it("is whole minor units, or nothing", () => {
    assert.equal(parseAmount("98.", 2), 9800)
    assert.equal(parseAmount("98.7", 2), 9870)
    assert.equal(parseAmount("1000", 0), 1000)
    assert.equal(parseAmount("10.00", 0), 10)
    assert.equal(parseAmount("1.234", 3), 1234)
    for (const bad of ["", ".5", "1,5", "-1", "+1", " 1", "1e3", "1.001", "٣", "9".repeat(17)]) {
      assert.equal(parseAmount(bad, 2), undefined, bad)
    }
  })

  it("survives being written and read", () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(0, 2, 3), (minor, exponent) => {
        assert.equal(parseAmount(formatAmount(minor, exponent), exponent), minor)
      }),
      { numRuns: 200 }
    )
  })
})
