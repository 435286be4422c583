/** Whatever is scanned: what it is, what stands in it, and everything that is wrong with it. */

import { readFileSync } from "node:fs"

import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { codeRows, summaryOf } from "../../src/qr/code-summary.ts"
import { crc16Text } from "../../src/qr/crc16.ts"
import { buildMerchantCode, parseMerchantCode } from "../../src/qr/merchant-code.ts"
import { faultsOf, readScanned } from "../../src/qr/scanned-code.ts"

interface Corpus {
  readonly merchant: Readonly<Record<string, string>>
  readonly national: Readonly<Record<string, { readonly code: string }>>
  readonly consumer: Readonly<Record<string, string>>
  readonly links: Readonly<Record<string, string>>
}

const { consumer, links, merchant, national }: Corpus = JSON.parse(
  readFileSync(new URL("../corpus/qr/emv-codes.json", import.meta.url), "utf8")
)
const printed = [...Object.values(merchant), ...Object.values(national).map(({ code }) => code)]
const emvco = merchant["emvco"]!

function sealed(body: string): string {
  const text = `${body.replace(/6304.{4}$/, "")}6304`
  return text + crc16Text(Buffer.from(text, "utf8"))
}

const faults = (text: string) =>
  faultsOf(readScanned(text)).map(({ offset, path }) => [path, offset] as const)
const words = (text: string) => faultsOf(readScanned(text)).map(({ expected }) => expected)
const row = (text: string, path: string) => {
  const found = codeRows(readScanned(text)).find((each) => each.path === path)
  return found === undefined ? undefined : [found.name, found.value, found.note]
}

describe("a shop's code", () => {
  it.each([
    ...Object.entries(merchant),
    ...Object.entries(national).map(([name, { code }]) => [name, code] as const)
  ])("of %s is read without a fault, and explained to its last object", (_, code) => {
    const scanned = readScanned(code)
    assert.equal(scanned.kind, "merchant")
    assert.deepEqual(faultsOf(scanned), [])
    const rows = codeRows(scanned)
    assert.ok(rows.every(({ name }) => name !== "unknown"))
    const last = rows.at(-1)!
    assert.deepEqual([last.name, last.note], ["checksum", "right"])
    assert.equal(last.offset + 4 + last.length, Array.from(code).length)
  })

  it("says its amount, its shop, and whether it may be used again", () => {
    assert.deepEqual(summaryOf(readScanned(emvco)), [
      "EMVCo merchant-presented code",
      "dynamic",
      "23.72 CNY",
      "BEST TRANSPORT, BEIJING, CN"
    ])
    assert.deepEqual(row(emvco, "54"), ["amount", "23.72", "23.72 CNY"])
    assert.deepEqual(row(emvco, "62.09"), ["asked of the customer", "ME", "mobile number, e-mail"])
    const [, use, amount] = summaryOf(readScanned(national["promptpay"]!.code))
    assert.deepEqual([use, amount], ["static", "any amount, THB"])
  })

  it("shows objects that nobody defined, and the parts of a UnionPay account", () => {
    const strange = sealed(emvco.replace("6304", "7003a\u202Eb6304"))
    assert.deepEqual(faults(strange), [])
    assert.deepEqual(row(strange, "70"), ["reserved by EMVCo", "a\\u{202E}b", ""])
    assert.deepEqual(row(merchant["laos"]!, "15"), [
      "UnionPay account",
      "27380418 00520446 mch19B73F61B9E0",
      "acquirer, forwarding institution, merchant"
    ])
  })

  it("never shows the number of an account whole", () => {
    const { code } = national["bharat"]!
    const shown = JSON.stringify(codeRows(readScanned(code)))
    for (const id of ["02", "04", "06"]) {
      assert.match(row(code, id)![1]!, /^[0-9]{6}\*{5,6}[0-9]{4}$/)
    }
    assert.notMatch(shown, /4392630000000085|540461000000008|6100590000000089/)
  })

  it("of a national system may do without what the system leaves out, others may not", () => {
    const { code } = national["promptpay"]!
    const other = sealed(code.replace("A000000677010111", "A000000677010199"))
    assert.deepEqual(faults(other).map(([path]) => path), ["52", "59", "60"])
  })

  it("has its checksum compared as four characters", () => {
    const zero = national["vietqr"]!.code
    assert.ok(zero.endsWith("63040FC0"))
    assert.deepEqual(faults(zero.replace("63040FC0", "6304FC0")), [
      ["63", zero.length - 9],
      ["63", zero.length - 4]
    ])
    assert.deepEqual(words(zero.replace("63040FC0", "63040fc0")), ["0FC0 in capital letters"])
    assert.deepEqual(words(`${zero.slice(0, -4)}0FC1`), [
      "0FC0, the checksum of what stands before it"
    ])
    // The end of a value is no checksum.
    const hidden = sealed(`${emvco.slice(0, -8)}6512abcd`)
    assert.deepEqual(faults(hidden), [["63", hidden.length - 8]])
  })

  it("with several faults names all of them, each with its place", () => {
    const broken = emvco.replace("5802CN", "5802cn").replace("540523.72", "540523,72")
      .replace("52044111", "5204411A").replace("0902ME", "0902MX")
    assert.deepEqual(faults(broken), [
      ["52", 82],
      ["58", 90],
      ["54", 149],
      ["62.09", 202],
      ["63", 244]
    ])
    const code = sealed("00020101021358025957031006402008004abcd")
    const absent = ["52", "53", "59", "60", "02-51"].map((path) => [path, code.length] as const)
    assert.deepEqual(faults(code), [
      ["58", 16],
      ["57", 22],
      ["64.00", 31],
      ["80", 35],
      ...absent
    ])
  })

  it("that breaks off in a template is read behind it, and misses nothing it cannot know", () => {
    const broken = sealed(emvco.replace("0012D15600000000", "0099D15600000000"))
    assert.deepEqual(faults(broken), [["29.00", 20]])
    assert.deepEqual(row(broken, "59"), ["merchant name", "BEST TRANSPORT", ""])
    assert.match(row(broken, "29")![1]!, /^0099D15600000000/)
    // Cut off in the name: city and country may have followed.
    assert.deepEqual(faults(emvco.slice(0, 100)).map(([path]) => path), ["63", "59"])
  })

  it("with one character changed is never taken for right", () => {
    const change = fc.record({
      code: fc.constantFrom(...printed),
      place: fc.nat(),
      by: fc.stringMatching(/^[\x20-\x7E]$/)
    })
    fc.assert(
      fc.property(change, ({ by, code, place }) => {
        const characters = Array.from(code)
        const at = place % characters.length
        // A CRC of 16 bits sees every change of up to two bytes.
        fc.pre(characters[at]! < "\u0080" && characters[at] !== by)
        characters[at] = by
        assert.notDeepEqual(faults(characters.join("")), [])
      }),
      { numRuns: 1000 }
    )
  })

  it("that was made says what it was made of", () => {
    const any = (most: number) =>
      fc.string({ unit: "grapheme", minLength: 1, maxLength: most })
        .filter((text) => Array.from(text).length <= most)
    const values = fc.record({
      account: any(32),
      name: any(25),
      city: any(15),
      category: fc.stringMatching(/^[0-9]{4}$/),
      currency: fc.constantFrom("156", "392", "414", "840"),
      amount: fc.integer({ min: 1, max: 999_999_999 }),
      bill: any(25),
      strange: any(99)
    })
    fc.assert(
      fc.property(values, (each) => {
        const objects = [
          { id: "01", value: "12" },
          { id: "29", value: "", children: [{ id: "00", value: each.account }] },
          { id: "52", value: each.category },
          { id: "53", value: each.currency },
          { id: "54", value: String(each.amount) },
          { id: "58", value: "CN" },
          { id: "59", value: each.name },
          { id: "60", value: each.city },
          { id: "62", value: "", children: [{ id: "01", value: each.bill }] },
          { id: "77", value: each.strange }
        ]
        const made = buildMerchantCode(objects)
        assert.ok(typeof made === "string", JSON.stringify(made))
        const code = parseMerchantCode(made)
        assert.ok(!("_tag" in code))
        const places = { "156": 2, "392": 0, "414": 3, "840": 2 }[each.currency]!
        assert.equal(code.amount, each.amount * 10 ** places)
        assert.equal(code.additional.get("01"), each.bill)
        assert.equal(code.accounts[0]?.globalId, each.account)
        assert.deepEqual(code.objects.slice(1, -1).map(({ id }) => id), objects.map(({ id }) => id))
        assert.deepEqual([code.name, code.city, code.category, code.objects.at(-2)?.value], [
          each.name,
          each.city,
          each.category,
          each.strange
        ])
      }),
      { numRuns: 200 }
    )
  })
})

describe("a customer's code", () => {
  it("shows a mask of the card, and of track, name and cryptogram that they are there", () => {
    const one = consumer["oneApplication"]!
    const two = consumer["twoApplications"]!
    assert.deepEqual(row(one, "61.57"), [
      "track 2 equivalent data",
      "123456******3458",
      "expires 12/19"
    ])
    assert.deepEqual(row(two, "62.5A"), ["card number", "123456******3458", ""])
    assert.deepEqual(row(two, "62.64.9F26"), ["application cryptogram", "present", ""])
    assert.deepEqual(row(two, "62.5F20"), ["cardholder name", "present", "not shown"])
    const shown = JSON.stringify([codeRows(readScanned(one)), codeRows(readScanned(two))])
    assert.notMatch(
      shown,
      /1234567890123458|220112345|CARDHOLDER\/EMV|06010A03000000|584FD385FA234BCC|6D58EF13/
    )
    assert.deepEqual(summaryOf(readScanned(two)), [
      "EMVCo consumer-presented code",
      "Product1 123456******3458",
      "Product2 123456******3458"
    ])
  })

  it("with several faults names all of them, by byte", () => {
    const code = (hex: string) => Buffer.from(`85054350563031${hex}`, "hex").toString("base64")
    const short = "61084F035001015A0112"
    assert.deepEqual(faults(code(`${short}6206500101570113`)), [
      ["61.4F", 9],
      ["61.5A", 14],
      ["62.57", 22]
    ])
    assert.deepEqual(faults(code("61054F0AA00000")), [["61.4F", 11]])
    assert.deepEqual(faults(code("6103500141")), [["61.4F", 12]])
    assert.deepEqual(faults("hQVDUFYw*WEaTweg"), [["", 6]])
  })
})

describe("a pay code", () => {
  it("names its wallet, and is masked", () => {
    const cases = [
      ["134919586213926735", "WeChat Pay"],
      ["28763443825664394", "Alipay"],
      ["fp00123456789abcdefghijklmnopqrstuvwx", "Alipay, by face"],
      ["6222095947245984168", "UnionPay"]
    ] as const
    for (const [code, wallet] of cases) {
      assert.deepEqual(summaryOf(readScanned(code)), ["customer's pay code", wallet])
      assert.notInclude(JSON.stringify(codeRows(readScanned(code))), code)
    }
  })

  it("of another length is told by its first digits what it lacks", () => {
    const cases = [
      ["1349195862139267", "18 digits, as WeChat Pay has", 16],
      ["1349195862139267350", "18 digits, as WeChat Pay has", 18],
      ["287634438256643", "16 to 24 digits, as Alipay has", 15],
      ["622209594724598416", "19 digits, as UnionPay has", 18],
      ["fp001234", "37 characters, as Alipay has", 8],
      ["4111111111111111", "10 to 15 (WeChat Pay), 25 to 30 (Alipay) or 62 (UnionPay) in front", 0]
    ] as const
    for (const [code, expected, offset] of cases) {
      assert.equal(readScanned(code).kind, "none")
      assert.deepEqual(faultsOf(readScanned(code)), [{ _tag: "fault", path: "", offset, expected }])
    }
  })
})

describe("a link to pay by", () => {
  it("names its wallet", () => {
    const titles = (text: string) => summaryOf(readScanned(text)).slice(1)
    assert.deepEqual(titles(links["upi"]!), ["UPI code", "nadeem chinna"])
    assert.deepEqual(titles(links["unionpayDynamic"]!), ["dynamic UnionPay code"])
    assert.deepEqual(titles(links["unionpayStatic"]!), ["static UnionPay code"])
    assert.deepEqual(titles("https://qr.alipay.com/bax00000000000000000000"), ["Alipay code"])
    assert.deepEqual(titles("weixin://wxpay/bizpayurl?pr=0"), ["WeChat Pay order"])
    assert.deepEqual(titles("wxp://f2f0"), ["WeChat Pay code of a person"])
    for (const link of Object.values(links)) assert.deepEqual(faults(link), [])
  })

  it("of UPI is explained by parameter, and says what is wrong with each", () => {
    assert.deepEqual(row(links["upi"]!, "tn"), ["note", "Pay to mystar store", ""])
    assert.deepEqual(faults("upi://pay?pa=nadeem&am=1.005&cu=USD&am=2&tn=%E0%"), [
      ["pa", 13],
      ["am", 23],
      ["cu", 32],
      ["am", 36],
      ["tn", 44],
      ["pn", 48]
    ])
    const signed = "upi://pay?pa=a@b&pn=A&am=&sign=MEUC"
    assert.deepEqual([faults(signed), row(signed, "sign")], [[], [
      "signature",
      "MEUC",
      "not checked"
    ]])
    assert.deepEqual(faults("upi://mandate?pa=a@b"), [["", 0]])
  })

  it("of a switch has the number of an order behind it", () => {
    const order = "0198f2a47c0b70008a3d5e6f7a8b9c0d"
    const page = `https://pay.example.com/pay/${order}`
    assert.deepEqual(row(page, "order"), ["order", order, ""])
    assert.deepEqual(row(page, "page")![1], "https://pay.example.com")
    assert.deepEqual(faults(`${page}?from=screen`), [])
    assert.deepEqual(faults(page.toUpperCase().replace("HTTPS", "https")).length, 1)
    assert.deepEqual(faults(page.slice(0, -1)), [["order", 28]])
  })
})

it("anything else is said to be none, with the reason", () => {
  for (const text of ["hello", "https://example.com/menu", "x".repeat(8_000), "WIFI:S:shop;;"]) {
    assert.equal(readScanned(text).kind, "none")
    assert.equal(faultsOf(readScanned(text)).length, 1)
  }
  assert.deepEqual(words("x".repeat(8_000)), ["at most 7089 characters"])
})

it("any text is one thing, shown without a control character", () => {
  const moving = fc.string({
    unit: fc.constantFrom("a", "9", "\u0000", "\u001B", "\u0085", "\u2028", "\u202E", "é"),
    minLength: 1,
    maxLength: 25
  })
  const object = (id: string, value: string) =>
    `${id}${String(Array.from(value).length).padStart(2, "0")}${value}`
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 200 }),
    moving.map((value) => sealed(`000201${object("15", value)}${object("59", value)}`)),
    moving.map((value) => `upi://pay?pa=a@b&pn=${encodeURIComponent(value)}&${value}=1`),
    moving.map((value) => `https://example.com/${value}/pay/${value}`),
    fc.uint8Array({ maxLength: 30 }).map((label) =>
      Buffer.from([...labelled(label.length), ...label]).toString("base64")
    ),
    fc.uint8Array({ maxLength: 150 }).map((bytes) =>
      Buffer.concat([Buffer.from("85054350563031", "hex"), bytes]).toString("base64")
    )
  )
  fc.assert(
    fc.property(text, (each) => {
      const scanned = readScanned(each)
      const rows = codeRows(scanned).map(({ path, value }) => path + value)
      assert.notMatch([...summaryOf(scanned), ...rows].join(""), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    }),
    { numRuns: 500 }
  )
})

/** What stands before the bytes of an application's label. */
function labelled(length: number): ReadonlyArray<number> {
  const application = Buffer.from("4F05A000000001", "hex")
  const head = Buffer.from("85054350563031", "hex")
  return [...head, 0x61, application.length + 2 + length, ...application, 0x50, length]
}
