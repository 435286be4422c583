/** Codes that customers show: EMVCo consumer codes, wallets' pay codes, and field 59. */

import { readFileSync } from "node:fs"

import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { buildConsumerCode, parseConsumerCode } from "../../src/qr/consumer-code.ts"
import { readField59, valueIn59, writeField59 } from "../../src/qr/field-59.ts"
import { maskPayCode, recogniseCode } from "../../src/qr/pay-code.ts"

/** EMVCo CPM 1.1 examples. */
const { oneApplication, twoApplications }: Readonly<
  Record<"oneApplication" | "twoApplications", string>
> =
  JSON.parse(readFileSync(new URL("../corpus/qr/emv-codes.json", import.meta.url), "utf8")).consumer

function parsed(text: string) {
  const code = parseConsumerCode(text)
  if ("_tag" in code) throw new Error(`refused: ${JSON.stringify(code)}`)
  return code
}

function faultPath(text: string | object): string {
  const code = typeof text === "string" ? parseConsumerCode(text) : text
  return "path" in code ? String(code.path) : "parsed"
}

describe("a consumer code", () => {
  it("with track 2 gives application, number and expiry", () => {
    const [application] = parsed(oneApplication).applications
    assert.equal(application?.aid, "A0000000555555")
    assert.equal(application?.pan?.reveal(), "1234567890123458")
    assert.equal(application?.expiry, "1912")
  })

  it("with two applications shares the number of its common part", () => {
    const code = parsed(twoApplications)
    assert.deepEqual(
      code.applications.map(({ aid, label, pan }) => [aid, label, pan?.reveal()]),
      [
        ["A0000000555555", "Product1", "1234567890123458"],
        ["A0000000666666", "Product2", "1234567890123458"]
      ]
    )
  })

  it.each([
    ["5A08401234567890 9FFF", "4012345678909"],
    ["5A0A40123456789012 34FFFF", "4012345678901234"],
    ["5A0A401234567890123456 7F", "4012345678901234567"]
  ])("with the number %s takes off all of its filling", (object, pan) => {
    const application = `4F05A000000001${object.replace(" ", "")}`
    const length = (application.length / 2).toString(16).padStart(2, "0")
    const text = Buffer.from(`8505435056303161${length}${application}`, "hex").toString("base64")
    assert.equal(parsed(text).applications[0]?.pan?.reveal(), pan)
  })

  it("is written as it was read", () => {
    for (const text of [oneApplication, twoApplications]) {
      assert.equal(buildConsumerCode(parsed(text).objects), text)
    }
  })

  it("gets its format where it is written without one", () => {
    assert.equal(buildConsumerCode(parsed(oneApplication).objects.slice(1)), oneApplication)
    assert.deepEqual([typeof buildConsumerCode([]), faultPath(buildConsumerCode([]))], [
      "object",
      "61"
    ])
  })

  it("never prints the card number", () => {
    assert.notInclude(JSON.stringify(parsed(oneApplication).applications), "1234567890123458")
  })

  it("is refused by the path of what is wrong", () => {
    const encode = (hex: string) => Buffer.from(hex, "hex").toString("base64")
    const version = "85054350563031"
    assert.equal(faultPath("not base64!"), "")
    assert.equal(faultPath(encode("8505435056303261024F00")), "85")
    assert.equal(faultPath(encode(version)), "61")
    assert.equal(faultPath(encode(`${version}61024F00`)), "61.4F")
    assert.equal(faultPath(encode(`${version}61804F00`)), "61")
    assert.equal(faultPath(encode(`${version}6184FFFFFFFF`)), "61")
    assert.equal(faultPath(encode(`${version}610A4F05A0000000015001`)), "61")
    const app = "61074F05A000000001"
    assert.equal(faultPath(encode(`${version}${app}62074F05A000000001`)), "62.4F")
    assert.equal(faultPath(encode(`${version}${app}62818C${"5000".repeat(70)}`)), "62")
    assert.equal(faultPath(""), "85")
    assert.equal(faultPath(encode(`84054350563031${app}`)), "85")
    assert.equal(faultPath(encode(`${version}6103500141`)), "61.4F")
    const labelled = "610A4F05A000000001500141"
    assert.equal(faultPath(encode(`${version}${labelled}6203500142`)), "62.50")
    assert.equal(faultPath(encode(version + app.repeat(2))), "parsed")
    assert.equal(faultPath(encode(version + app.repeat(3))), "61")
    const named = (bytes: number) =>
      encode(
        `${version}61${(bytes + 2).toString(16).padStart(2, "0")}4F${
          bytes.toString(16).padStart(2, "0")
        }${"A0".repeat(bytes)}`
      )
    assert.deepEqual([4, 5, 16, 17].map((bytes) => faultPath(named(bytes))), [
      "61.4F",
      "parsed",
      "parsed",
      "61.4F"
    ])
    // With what follows the application it is as long as it may be, and one byte longer.
    const filled = (bytes: number) =>
      encode(`${version}${app}9F7082${bytes.toString(16).padStart(4, "0")}${"00".repeat(bytes)}`)
    assert.deepEqual([491, 492].map((bytes) => faultPath(filled(bytes))), ["parsed", ""])
    assert.equal(faultPath(encode(version + app).slice(0, -2)), "")
    const deep = Array.from({ length: 6 }, (_, index) => [0x61, 10 - index * 2]).flat()
    const bytes = Buffer.concat([Buffer.from(version, "hex"), Buffer.from(deep)])
    assert.equal(faultPath(bytes.toString("base64")), "61.61.61.61")
  })

  it("of random bytes is parsed or refused, and never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 150 }), (bytes) => {
        const text = Buffer.concat([Buffer.from("85054350563031", "hex"), bytes])
          .toString("base64")
        const code = parseConsumerCode(text)
        assert.ok("_tag" in code || code.applications.length > 0)
      }),
      { numRuns: 1000 }
    )
  })
})

describe("a pay code", () => {
  it("is recognised by channel and prefix", () => {
    const cases: ReadonlyArray<readonly [string, string]> = [
      ["134919586213926735", "wechat"],
      ["135112298638468293", "wechat"],
      ["28763443825664394", "alipay"],
      ["289431869362714645", "alipay"],
      ["6222095947245984168", "unionpay-qr"],
      ["fp00123456789abcdefghijklmnopqrstuvwx", "alipay"],
      [oneApplication, "emv-qr"]
    ]
    for (const [code, scheme] of cases) {
      assert.equal(recogniseCode(code, true)?.scheme, scheme, code)
      assert.equal(recogniseCode(code, false), undefined, code)
    }
  })

  it("of another length or prefix belongs to nobody", () => {
    const none = [
      "",
      "163491958621392673",
      "13491958621392673",
      "622209594724598416",
      "٦٢٢٢٠٩٥٩٤٧٢٤٥٩٨٤١٦٨"
    ]
    for (const code of [...none, "1".repeat(5000)]) {
      assert.equal(recogniseCode(code, true), undefined, code)
    }
  })

  it("belongs to at most one wallet", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9]{14,26}$/), (code) => {
        const found = recogniseCode(code, true)
        const first = Number(code.slice(0, 2))
        if (found?.scheme === "wechat") assert.ok(first >= 10 && first <= 15)
        if (found?.scheme === "alipay") assert.ok(first >= 25 && first <= 30)
        if (found?.scheme === "unionpay-qr") assert.equal(first, 62)
      }),
      { numRuns: 500 }
    )
  })

  it("is masked but for two and four digits", () => {
    assert.equal(maskPayCode("134919586213926735"), "13************6735")
    assert.equal(maskPayCode("134"), "***")
  })
})

describe("field 59", () => {
  it("carries a pay code under A3", () => {
    const wire = Buffer.from("413330313936323232303935393437323435393834313638", "hex")
    assert.equal(valueIn59(wire.toString("latin1"), "A3"), "6222095947245984168")
    assert.equal(
      writeField59([{ tag: "A3", value: "6222095947245984168" }]),
      "A30196222095947245984168"
    )
  })

  it("carries terminal data under A2 with a length of two digits, or of three", () => {
    const inner = "0102050208SERIAL0103061234560504v1.0"
    const two = `A2${inner.length}${inner}`
    const three = `A20${inner.length}${inner}`
    for (const text of [two, three, `${two}A30196222095947245984168`]) {
      const field = readField59(text)
      assert.deepEqual(field.entries[0]?.children?.map(({ tag, value }) => [tag, value]), [
        ["01", "05"],
        ["02", "SERIAL01"],
        ["03", "123456"],
        ["05", "v1.0"]
      ], text)
      assert.equal(field.rest, "")
    }
    assert.equal(valueIn59(`${three}A30196222095947245984168`, "A3"), "6222095947245984168")
  })

  it("carries texts in hex under EF01 and EF02", () => {
    const url = Buffer.from("https://qr.95516.com/00010000/621", "ascii")
    const text = `EF0133${url.toString("hex")}EF0204${"c7ebc9a8"}`
    const field = readField59(text)
    assert.equal(field.entries.length, 2)
    assert.equal(field.entries[0]?.value, url.toString("hex"))
    assert.equal(writeField59(field.entries), text)
  })

  it("keeps unknown tags and what it does not understand", () => {
    const field = readField59("B7003xyzA4006123456?? tail")
    assert.deepEqual(field.entries, [{ tag: "B7", value: "xyz" }])
    assert.equal(field.rest, "A4006123456?? tail")
    assert.equal(valueIn59("B7003xyzA4006123456", "A4"), "123456")
    assert.equal(readField59("A3999123").rest, "A3999123")
  })

  it("loses no character, whatever it is", () => {
    const piece = fc.oneof(
      fc.string({ maxLength: 30 }),
      fc.stringMatching(/^[0-9]{0,40}$/).map((value) =>
        `A3${String(value.length).padStart(3, "0")}${value}`
      )
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const text = pieces.join("")
        const field = readField59(text)
        assert.ok(text.endsWith(field.rest))
        if (!text.includes("A2")) assert.equal(writeField59(field.entries) + field.rest, text)
      }),
      { numRuns: 1000 }
    )
  })
})
