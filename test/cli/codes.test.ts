/** `codes`: what people scan, print and have printed by the hundred. */

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { pointsman, root } from "./process.ts"

const corpus: {
  readonly merchant: Readonly<Record<string, string>>
  readonly national: Readonly<Record<string, { readonly code: string }>>
  readonly consumer: Readonly<Record<string, string>>
} = JSON.parse(readFileSync(join(root, "test", "corpus", "qr", "emv-codes.json"), "utf8"))
const emvco = corpus.merchant["emvco"]!
const config = ["--config", join(root, "config", "pointsman.yaml")]

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pointsman-codes-"))
})
afterAll(() => rmSync(folder, { recursive: true }))

const written = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

describe("codes read", () => {
  it("explains a shop's code object by object, from a word, a file or a pipe", async () => {
    const file = written("scanned.txt", `${emvco}\r\n`)
    for (const [words, input] of [[[emvco], ""], [[file], ""], [["-"], `${emvco}\n`]] as const) {
      const { exit, out, talk } = await pointsman(["codes", "read", ...words], input)
      expect([exit, talk]).toEqual([0, ""])
      expect(out).toContain("dynamic · 23.72 CNY · BEST TRANSPORT, BEIJING, CN\n")
      expect(out).toMatch(/^ +12 +30 {2}29 +merchant account$/m)
      expect(out).toMatch(/^ +16 +12 {4}29\.00 +global id +D15600000000$/m)
      expect(out).toMatch(/^ +171 +4 {4}62\.03 +store +1234$/m)
      expect(out).toMatch(/^ +240 +4 {2}63 +checksum +A13A {2}\(right\)$/m)
    }
  })

  it("names every fault of a code with its place, for people and for programs", async () => {
    const broken = emvco.replace("5802CN", "5802cn").replace("540523.72", "540500.00")
    const { exit, out, talk } = await pointsman(["codes", "read", broken])
    expect(exit).toBe(1)
    expect(out).toContain("BEST TRANSPORT")
    expect(talk).toMatch(
      new RegExp(
        [
          "^58 at character 90: expected a country of two capital letters",
          "54 at character 149: expected an amount above zero, .*",
          "63 at character 244: expected [0-9A-F]{4}, the checksum of what stands before it\n$"
        ].join("\n")
      )
    )
    const asJson = await pointsman(["codes", "read", broken, "--format", "json"])
    const { faults, kind, objects } = JSON.parse(asJson.out)
    expect(kind).toBe("merchant")
    expect(faults.map(({ offset, path }: { offset: number; path: string }) => [path, offset]))
      .toEqual([["58", 90], ["54", 149], ["63", 244]])
    expect(objects).toHaveLength(28)
    const right = JSON.parse((await pointsman(["codes", "read", emvco, "--format", "json"])).out)
    expect(right).toMatchObject({
      initiation: "dynamic",
      amount: 2372,
      currency: "156",
      faults: []
    })
  })

  it("shows no card of a customer and no account of a shop whole", async () => {
    const codes = [...Object.values(corpus.consumer), corpus.national["bharat"]!.code]
    for (const code of codes) {
      for (const form of ["text", "json"]) {
        const { exit, out } = await pointsman(["codes", "read", code, "--format", form])
        expect(exit).toBe(0)
        expect(out).toMatch(/123456\*{6}3458|439263\*{6}0085/)
        expect(out).not.toMatch(/1234567890123458|4392630000000085|584FD385FA234BCC|CARDHOLDER/)
      }
    }
  })

  it("says which wallet a pay code is of, and which upstream would be asked", async () => {
    const { exit, out, talk } = await pointsman(["codes", "read", "134919586213926735", ...config])
    expect([exit, talk]).toEqual([0, ""])
    expect(out).toContain("customer's pay code · WeChat Pay\n")
    expect(out).toContain("13************6735\n")
    expect(out).toContain("route codes leads to wallet (hmac)\n")
    expect(out).not.toContain("134919586213926735")
    const words = ["codes", "read", "6222095947245984168", ...config, "--format", "json"]
    expect(JSON.parse((await pointsman(words)).out)).toMatchObject({
      kind: "pay-code",
      scheme: "unionpay-qr",
      configuration: { upstreams: ["wallet (hmac)"], route: "codes" }
    })
  })

  it("looks at the first digits of a pay code, as routes do", async () => {
    const house = join(folder, "house")
    cpSync(join(root, "config"), house, { recursive: true })
    const file = join(house, "pointsman.yaml")
    const first = "routes:\n  - { name: wechat, when: { bins: [10-15] }, to: [wallet] }\n"
    writeFileSync(file, readFileSync(file, "utf8").replace("routes:\n", first))
    const routes = await Promise.all(
      ["134919586213926735", "6222095947245984168"].map((code) =>
        pointsman(["codes", "read", code, "--config", file])
      )
    )
    expect(routes.map(({ out }) => /^route (\w+) /m.exec(out)?.[1])).toEqual(["wechat", "codes"])
  })

  it("knows our own link from that of another switch", async () => {
    const path = "/pay/0198f2a47c0b70008a3d5e6f7a8b9c0d"
    const ours = await pointsman(["codes", "read", `http://127.0.0.1:8081${path}`, ...config])
    expect([ours.exit, ours.out]).toEqual([0, expect.stringContaining("\nof this switch\n")])
    const other = await pointsman(["codes", "read", `https://pay.example.com${path}`, ...config])
    expect(other.out).toContain("\nnot of this switch, http://127.0.0.1:8081\n")
  })

  it("says of anything else that it is no code, and why", async () => {
    const short = await pointsman(["codes", "read", "13491958621392673"])
    expect([short.exit, short.talk]).toEqual([
      1,
      "the code at character 17: expected 18 digits, as WeChat Pay has\n"
    ])
    const menu = await pointsman(["codes", "read", "https://example.com/menu"])
    expect([menu.exit, menu.out]).toEqual([1, "no code that is known here\n"])
    expect((await pointsman(["codes", "read"], "")).exit).toBe(2)
    expect((await pointsman(["codes", "read"], `${emvco}\n${emvco}\n`)).talk).toContain(
      "codes check"
    )
  })
})

describe("codes make", () => {
  const flags = ["--name", "BEST TRANSPORT", "--city", "BEIJING", "--country", "CN"]
    .concat(["--category", "4111", "--currency", "CNY", "--set", "29.00=com.example,29.01=12345"])

  it("makes a code that reads as it was meant", async () => {
    const made = await pointsman(["codes", "make", ...flags, "--tip", "5%", "--bill", "***"])
    expect([made.exit, made.talk]).toEqual([0, ""])
    const { exit, out } = await pointsman(["codes", "read", made.out.trim()])
    expect(exit).toBe(0)
    expect(out).toContain("static · any amount, CNY · BEST TRANSPORT, BEIJING, CN\n")
    for (
      const line of [/ 29\.01 .* 12345$/m, / 57 .* 5 {2}\(5 %\)$/m, / 62\.01 .*\*\*\* {2}\(the/m]
    ) {
      expect(out).toMatch(line)
    }
  })

  it("takes its values from YAML and JSON as they stand there, flags first", async () => {
    const yaml = written(
      "counter.yaml",
      [
        "name: Fjord Kiosk",
        "city: OSLO",
        "country: NO",
        "category: 0742",
        "currency: NOK",
        "initiation: dynamic",
        "amount: 10.50",
        "\"26\": { \"00\": com.example, \"01\": 0099 }",
        "terminal: T0000001"
      ].join("\n")
    )
    const made = await pointsman(["codes", "make", "--values", yaml, "--amount", "20.00"])
    expect(made.talk).toBe("")
    const read = await pointsman(["codes", "read", made.out.trim(), "--format", "json"])
    const code = JSON.parse(read.out)
    expect(code).toMatchObject({
      initiation: "dynamic",
      amount: 2000,
      currency: "578",
      category: "0742",
      country: "NO",
      name: "Fjord Kiosk"
    })
    expect(code.objects).toContainEqual(expect.objectContaining({ path: "26.01", value: "0099" }))
    const json = written(
      "counter.json",
      JSON.stringify({
        name: "Fjord Kiosk",
        city: "OSLO",
        country: "NO",
        category: "0742",
        currency: "578",
        initiation: "dynamic",
        amount: "20.00",
        "26": { "00": "com.example", "01": "0099" },
        "62.07": "T0000001"
      })
    )
    expect((await pointsman(["codes", "make", "--values", json])).out).toBe(made.out)
  })

  it("refuses by name whatever does not fit", async () => {
    const wrong = await pointsman(
      ["codes", "make", "--name", "x".repeat(26), "--city", "BEIJING", "--category", "411"]
        .concat(["--currency", "CNY", "--amount", "0", "--set", "29.01=1"])
    )
    expect([wrong.exit, wrong.out]).toEqual([1, ""])
    for (
      const line of [
        "--category (52): expected a category of four digits",
        "--amount (54): expected an amount above zero, digits and at most one dot, 2 places",
        "--name (59): expected at most 25 characters",
        "--country (58): expected object 58, country",
        "global id (29.00): expected object 00, global id"
      ]
    ) expect(wrong.talk).toContain(line)
    const cases = [
      [["--set", "63=ABCD"], "63: is made here"],
      [["--set", "15.00=1"], "15: holds no other objects"],
      [["--set", "29=1,29.00=2"], "29: has a value and objects in it"],
      [["--set", "name=Shop"], "--set name=Shop: expected a path and a value"],
      [["--currency", "ABC"], "currency ABC: letters that are not known here"],
      [["--initiation", "often"], "initiation often: use static or dynamic"],
      [["--values", written("odd.yaml", "nmae: Shop")], "nmae: no such value. Did you mean name?"],
      [["--values", written("list.yaml", "- name")], "expected names and their values"],
      [["--values", written("broken.yaml", "{")], "neither YAML nor JSON"]
    ] as const
    for (const [words, talk] of cases) {
      const refused = await pointsman(["codes", "make", ...words])
      expect([refused.exit, refused.talk]).toEqual([2, expect.stringContaining(talk)])
    }
  })
})

describe("codes check", () => {
  it("finds the wrong ones among an estate's printed codes", async () => {
    const good = [...Object.values(corpus.merchant), corpus.national["promptpay"]!.code]
    const all = written("printed.txt", ["# counters of the north", "", ...good].join("\r\n"))
    const right = await pointsman(["codes", "check", all])
    expect([right.exit, right.out, right.talk]).toEqual([0, "", "6 codes (6 merchant), 0 wrong\n"])
    const some = written("some.txt", [...good, emvco.replace("23.72", "93.72"), "hello"].join("\n"))
    const wrong = await pointsman(["codes", "check", some])
    expect([wrong.exit, wrong.talk]).toEqual([1, "8 codes (7 merchant, 1 none), 2 wrong\n"])
    expect(wrong.out).toMatch(/^7 .*BEST TRANSPORT.* 63 at character 244: expected [0-9A-F]{4}, /m)
    expect(wrong.out).toMatch(/^8 +no code that is known here +the code at character 0: expected /m)
    const asJson = JSON.parse((await pointsman(["codes", "check", some, "--format", "json"])).out)
    expect(asJson).toMatchObject({ codes: 8, wrong: 2, kinds: { merchant: 7, none: 1 } })
    expect(asJson.lines[6]).toMatchObject({ line: 7, kind: "merchant" })
    expect(asJson.lines[0].faults).toEqual([])
  })

  it("refuses a list without a code, and a file that is not there", async () => {
    expect((await pointsman(["codes", "check", "-"], "# none\n")).exit).toBe(1)
    expect((await pointsman(["codes", "check", join(folder, "absent.txt")])).exit).toBe(3)
  })
})
