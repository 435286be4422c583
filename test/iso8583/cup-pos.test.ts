/** Captured messages of China UnionPay terminals, read to the last byte, and what they mean. */

import { describe, expect, it } from "vitest"
import { compileDialect } from "../../src/iso8583/compile.ts"
import type { CompiledDialect } from "../../src/iso8583/dialect.ts"
import { captured, compiled, dialect, mapping, read, refused, source } from "./shipped.ts"

const cup = dialect("cup-pos")

const meanings: ReadonlyArray<readonly [string, string, string, string, string | undefined]> = [
  ["mac-b", "0200", "sale", "magnetic", "4392260009942820"],
  ["mac-c", "0200", "sale", "contactless", "6235013452200000069"],
  ["sample-3", "0800", "sign-on", "none", undefined],
  ["sample-6", "0400", "reversal", "magnetic", undefined],
  ["sample-7", "0200", "sale", "magnetic", "6221550999400728"],
  ["sample-17", "0400", "reversal", "magnetic", "3568570110000056"],
  ["sample-18", "0400", "reversal", "magnetic", undefined],
  ["sample-20", "0500", "settlement", "none", undefined]
]

describe("captured messages", () => {
  it.each(Object.keys(captured))("%s is read whole, and written again byte for byte", (name) => {
    const message = read(cup, captured[name]!)
    const index = message.index
    expect(index[index.length - 1]).toBe(message.bytes.length)
    const set = Object.fromEntries(
      message.fields().map((field) => [String(field), message.text(String(field))])
    )
    const again = cup.encode(message.mti, set)
    expect(Buffer.from(again as Uint8Array).toString("hex").toUpperCase()).toBe(captured[name])
  })

  it.each(meanings)("%s: %s is a %s over %s", (name, mti, kind, channel, pan) => {
    const message = read(cup, captured[name]!)
    expect(message.mti).toBe(mti)
    expect(message.kind()).toBe(kind)
    expect(cup.channel(message)).toBe(channel)
    expect(message.role("pan")).toBe(pan)
  })

  it("finds the parts of fields", () => {
    const message = read(cup, captured["mac-c"]!)
    expect(message.text("60")).toBe("22000105000601")
    expect(message.text("60.2")).toBe("000105")
    expect(message.text("60.7")).toBeUndefined()
    expect(message.text("55.9F02")).toBe("000000000000")
    expect(message.text("55.9F1E")).toBe("3635343635343233")
    expect(message.text("22")).toBe("071")
    expect(message.text("23")).toBe("000")
    expect(message.text("35.service")).toBe("220")
    expect(read(cup, captured["sample-3"]!).text("63.1")).toBe("CUP")
    expect(read(cup, captured["sample-20"]!).text("48.1")).toBe("000000000007")
  })

  it("keys a transaction by terminal, merchant, batch, STAN, class and processing code", () => {
    const message = read(cup, captured["mac-c"]!)
    expect(cup.transactionKey(message)).toBe("65465423|941130659999925|000105|000317|2|000000|")
    expect(cup.isRepeat(message)).toBe(false)
    expect(cup.isResponse(read(cup, captured["sample-19"]!))).toBe(true)
  })

  it("asks for working keys at sign-on alone", () => {
    expect(cup.keyDownload(read(cup, captured["sample-3"]!))).toEqual({
      shape: "cup-40",
      path: "62"
    })
    expect(cup.keyDownload(read(cup, captured["mac-c"]!))).toBeUndefined()
  })

  it("refuses by name the published reply whose lengths are wrong", () => {
    // Field 62 declares 80 bytes where 40 follow: the body of a real reply, with that length.
    const wrong = captured["sample-19"]!.replace("0040817", "0080817")
    const fault = refused(cup, wrong)
    expect(fault).toMatchObject({ failure: "message-format", path: "62", excerpt: "0080" })
  })

  it("refuses every captured message that is cut short, and one that goes on", () => {
    for (const body of Object.values(captured)) {
      for (let size = 0; size < body.length; size += 2) {
        expect(refused(cup, body.slice(0, size)).offset).toBeLessThanOrEqual(size / 2)
      }
      expect(refused(cup, `${body}00`)).toMatchObject({ path: "end", offset: body.length / 2 })
    }
  })
})

describe("a track that is enciphered in part", () => {
  const iso = dialect("iso87-ascii")
  const forward = mapping(cup, iso)
  const stamp = { "7": "1126134400", "11": "000009", "18": "5411", "37": "000000000009" }
  /** A swipe without field 2; `block` stands where 8 bytes end one before the last of 19. */
  function swipe(block: string, control: string | undefined) {
    return cup.build("0200", {
      "3": "000000",
      "4": "000000000100",
      "11": "000001",
      "25": "00",
      "22": "021",
      "35": `6235013452200000=261${block}0`,
      "41": "00000001",
      "42": "000000000000001",
      "49": "156",
      "53": control,
      "60": "22000105"
    }).toString("hex")
  }
  const clear = "1201123456789012"
  const sealed = "4CFC20A6F04568AC"
  /** Digits alone, as one sealed block in some hundreds is. */
  const lucky = "9934567812345678"

  it("is refused where field 53 does not say so, at its byte, and shows none of it", () => {
    for (const control of [undefined, "2600000000000000"]) {
      expect(refused(cup, swipe(sealed, control))).toMatchObject({ path: "35", excerpt: "**" })
      expect(read(cup, swipe(clear, control)).text("35.expiry")).toBe("2611")
    }
    expect(read(cup, swipe(sealed, "2610000000000000")).text("35")).toContain(sealed)
  })

  it("gives a card number that stands ahead of the block, and nothing behind it", () => {
    for (const block of [sealed, lucky]) {
      const message = read(cup, swipe(block, "2610000000000000"))
      expect(message.role("pan")).toBe("6235013452200000")
      expect(message.role("expiry")).toBeUndefined()
      expect(message.role("track2")).toBeUndefined()
      expect(message.text("35.discretionary")).toBeUndefined()
    }
    // With SM4 the block has 16 bytes and covers the card number.
    expect(read(cup, swipe(lucky, "2410000000000000")).role("pan")).toBeUndefined()
  })

  it("never crosses into another dialect, even where it is digits alone", () => {
    const crossed = (control: string): string => {
      const body = forward.forward(read(cup, swipe(lucky, control)), stamp, false)
      if (!(body instanceof Uint8Array)) throw new Error(JSON.stringify(body))
      return read(iso, body.toString("hex")).text("35") ?? "none"
    }
    expect(crossed("2600000000000000")).toContain(lucky)
    expect(crossed("2610000000000000")).toBe("none")
  })
})

describe("variants of acquirers", () => {
  const variant = (mac: object): CompiledDialect => {
    const { keyDownload: _, ...file } = source("dialects", "cup-pos") as Record<string, unknown>
    return compiled({ ...file, mac: { field: 64, ...mac } })
  }

  it.each([
    ["the ECB of China UnionPay", { algorithm: { name: "cup-ecb" }, form: "hex" }],
    ["its form under SM4", { algorithm: { name: "cup-ecb-sm4" }, form: "hex" }],
    ["CBC", { algorithm: { name: "cup-cbc" }, form: "binary" }],
    ["CBC in hex", { algorithm: { name: "cup-cbc" }, form: "hex" }],
    ["ANSI X9.19", { algorithm: { name: "x9.19", padding: 1 }, form: "binary" }]
  ])("seal by %s where the dialect's file says so", (_, mac) => {
    const spoken = variant(mac)
    expect(spoken.mac).toMatchObject({ fields: [64], bytes: 8, ...mac })
    const message = read(spoken, captured["mac-c"]!)
    const reply = spoken.respond(message, "00", {}, true)
    expect(reply.subarray(-8)).toEqual(Buffer.alloc(8))
  })

  it.each(
    ["cup-24", "cup-40", "cup-56", "cup-57-sm4", "cup-60", "cup-84"]
  )("download keys as %s, by the network code that the file names", (shape) => {
    const file = source("dialects", "cup-pos") as { readonly keyDownload: object }
    const spoken = compiled({
      ...file,
      mac: {
        field: 64,
        algorithm: { name: shape.endsWith("sm4") ? "cup-ecb-sm4" : "cup-ecb" },
        form: "hex"
      },
      keyDownload: { ...file.keyDownload, shapes: { "003": shape } }
    })
    expect(spoken.keyDownload(read(spoken, captured["sample-3"]!))).toEqual({ shape, path: "62" })
  })
})

describe("what is made", () => {
  it("answers with what the dialect echoes, in front of the values it is given", () => {
    const request = read(cup, captured["mac-c"]!)
    const reply = cup.respond(request, "00", { "37": "000000000012", "60.3": "009" }, true)
    const message = read(cup, reply.toString("hex"))
    expect(message.mti).toBe("0210")
    expect(message.fields()).toEqual([3, 4, 11, 23, 25, 37, 39, 41, 42, 49, 60, 64])
    expect(message.text("60")).toBe("22000105009601")
    expect(reply.subarray(-8)).toEqual(Buffer.alloc(8))
  })

  it("patches without touching what is not named", () => {
    const request = read(cup, captured["mac-c"]!)
    const patched = cup.patch(request, { set: { "11": "999999" }, drop: [26], mac: true })
    const message = read(cup, patched.toString("hex"))
    for (const field of request.fields()) {
      const path = String(field)
      if (field === 26) expect(message.has(26)).toBe(false)
      else if (field !== 11 && field !== 64) expect(message.raw(path)).toEqual(request.raw(path))
    }
    expect(message.text("11")).toBe("999999")
  })

  const sold = {
    kind: "sale",
    mti: "0200",
    stan: "000317",
    processingCode: "000000",
    amount: "000000000058",
    transmissionTime: "1126134400",
    terminal: "65465423",
    merchant: "941130659999925"
  } as const

  it("reverses with field 61, the reason and the original STAN, and has no repeat", () => {
    const values = cup.reversal.compose({ ...sold, batch: "000105" }, "98")
    const message = read(cup, cup.build(cup.reversal.mti, values, true).toString("hex"))
    expect(cup.reversal.repeatMti).toBeUndefined()
    expect(message.kind()).toBe("reversal")
    expect(message.text("11")).toBe("000317")
    expect(message.text("39")).toBe("98")
    expect(message.text("60")).toBe("22000105000")
    expect(message.text("61")).toBe("0001050003171126")
  })

  it("reverses what had no batch with one of zeros", () => {
    const values = cup.reversal.compose(sold, "98")
    const message = read(cup, cup.build(cup.reversal.mti, values, true).toString("hex"))
    expect([message.text("60"), message.text("61")]).toEqual(["22000000000", "0000000003171126"])
  })

  it("has a form for each kind it knows, which is of that kind", () => {
    const plain = { "11": "000001", "41": "00000001", "42": "000000000000001" }
    for (
      const kind of ["sale", "void", "refund", "preauth", "sign-on", "sign-off", "echo"] as const
    ) {
      const form = cup.form(kind)!
      const body = cup.build(form.mti, { ...form.values, "60.2": "000007", ...plain })
      expect(read(cup, body.toString("hex")).kind()).toBe(kind)
    }
  })

  it("reads a pay code and takes the channel from it", () => {
    const body = cup.build("0200", {
      ...cup.form("sale")!.values,
      "11": "000001",
      "22": "032",
      "41": "00000001",
      "42": "000000000000001",
      "59.A3": "6222095947245984168"
    })
    const message = read(cup, body.toString("hex"))
    expect(message.text("59")).toBe("A30196222095947245984168")
    expect(message.role("payCode")).toBe("6222095947245984168")
    expect(message.role("pan")).toBeUndefined()
    expect(cup.channel(message)).toBe("qr-customer")
  })
})

describe("field 59 between banks", () => {
  const spoken = dialect("cup-interbank")

  it("counts bytes, also behind a text of GBK", () => {
    const detail = Buffer.concat([
      Buffer.from("A1004"),
      Buffer.from("b5eab5ea", "hex"),
      Buffer.from("A30196222095947245984168")
    ])
    const values = { "3": "000000", "4": "100", "11": "1", "41": "T1", "59": detail }
    const message = read(spoken, spoken.build("0200", values).toString("hex"))
    expect(message.role("payCode")).toBe("6222095947245984168")
    expect(spoken.channel(message)).toBe("qr-customer")
  })

  it("is refused at load in a set that counts characters", () => {
    const file = source("dialects", "cup-interbank") as { readonly fields: object }
    const gbk = { type: "ans", encoding: "gbk", max: 600, prefix: { width: 3 }, layout: "cup-59" }
    const made = compileDialect({ ...file, fields: { ...file.fields, 59: gbk } }, 1)
    expect(made).toMatchObject([{ path: "fields.59.encoding" }])
  })
})
