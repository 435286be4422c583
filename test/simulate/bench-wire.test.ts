/** The bench's own bytes against published vectors and against themselves. */

import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { MacKey, sign, signedRight } from "../../bench/load/mac.ts"
import { makePlan, shareOf } from "../../bench/load/plan.ts"
import { preparedAnswer, saleTemplate, signOnFrame } from "../../bench/load/sale.ts"
import {
  bodyStart,
  codeText,
  fieldAt,
  FrameSplitter,
  putDigits,
  readDigits,
  responseCode,
  stanOffset
} from "../../bench/load/wire.ts"
import { compileDialect } from "../../src/iso8583/compile.ts"

/** MAC vector C of protocol-facts §1.9, whole frame with its own field 64. */
const vectorC = Buffer.from(
  [
    "011660001400006031003100060200702406C020C09A1119623501345220000006900000000000000000580003",
    "172611071000000012376235013452200000069D26112207788010000036353436353432333934313133303635",
    "39393939393235313536FF0C47F016D61C79260000000000000001459F2608AE60C8CABA4C02F99F2701809F10",
    "1307020103A0A002010A010000001100B96D058B9F3704329971469F36020391950500A00470009A031903199C",
    "01009F02060000000000005F2A02015682027C009F1A0201569F03060000000000009F3303E0F0C89F34030203",
    "009F3501228408A0000003330101019F090200009F4104000007259F1E08363534363534323300142200010500",
    "06014132354434343436"
  ].join(""),
  "hex"
)

describe("the bench's own China UnionPay bytes", () => {
  it("make the MAC of the published vector", () => {
    const key = new MacKey(Buffer.from("C1A4AE89BAEAB029", "hex"))
    expect(signedRight(vectorC, key)).toBe(true)
    const broken = Buffer.from(vectorC)
    broken[40]! ^= 1
    expect(signedRight(broken, key)).toBe(false)
  })

  it("find fields in the published frame", () => {
    expect(readDigits(vectorC, stanOffset(vectorC), 3)).toBe(317)
    expect(fieldAt(vectorC, 41)?.toString("latin1")).toBe("65465423")
    expect(fieldAt(vectorC, 55)).toHaveLength(145)
    expect(fieldAt(vectorC, 60)?.toString("hex")).toBe("22000105000601")
    expect(fieldAt(vectorC, 62)).toBeUndefined()
  })

  it("make a sale of about 400 bytes whose fields can all be found", () => {
    const { frame, stan, amount } = saleTemplate("T0000001", "M00000000000001", "000007")
    expect(frame.length).toBeGreaterThan(380)
    expect(frame.length).toBeLessThan(420)
    expect(frame.readUInt16BE(0)).toBe(frame.length - 2)
    putDigits(frame, stan, 3, 123_456)
    putDigits(frame, amount, 6, 9_900)
    const key = new MacKey(Buffer.from("55036372B17543ECB173730768B8D6C4", "hex"))
    sign(frame, key)
    expect(signedRight(frame, key)).toBe(true)
    expect(fieldAt(frame, 11)?.toString("hex")).toBe("123456")
    expect(fieldAt(frame, 4)?.toString("hex")).toBe("000000009900")
    expect(fieldAt(frame, 64)).toHaveLength(8)
    expect(fieldAt(frame, 60)?.toString("hex")).toBe("22000007000601")
  })

  it("make what the dialect reads", () => {
    const file = new URL("../../config/dialects/cup-pos.yaml", import.meta.url)
    const dialect = compileDialect(parse(readFileSync(file, "utf8")), 1)
    const { frame } = saleTemplate("T0000001", "M00000000000001", "000007")
    const all = [frame, preparedAnswer(), signOnFrame("T0000001", "M00000000000001")]
    const read = all.map((each) => "read" in dialect && dialect.read(each.subarray(bodyStart)))
    expect(read.map((each) => each && "mti" in each && each.mti)).toEqual(["0200", "0210", "0800"])
  })

  it("read the code of an answer, and none where there is none", () => {
    expect(codeText(responseCode(preparedAnswer()))).toBe("00")
    expect(codeText(responseCode(signOnFrame("T0000001", "M00000000000001")))).toBe("")
  })

  it("split a stream into the same frames however it is cut", () => {
    const frames = [preparedAnswer(), vectorC, signOnFrame("T0000001", "M00000000000001")]
    const stream = Buffer.concat(frames)
    for (const size of [1, 2, 7, 100, stream.length]) {
      const splitter = new FrameSplitter()
      const got: Array<string> = []
      for (let at = 0; at < stream.length; at += size) {
        splitter.push(stream.subarray(at, at + size), (frame) => got.push(frame.toString("hex")))
      }
      expect(got).toEqual(frames.map((frame) => frame.toString("hex")))
    }
  })
})

describe("a plan", () => {
  it("has the rate of its steps, ascends, and marks what is measured", () => {
    const plan = makePlan([
      { ratePerSecond: 1_000, seconds: 4, warmupSeconds: 1 },
      { ratePerSecond: 2_000, seconds: 4, warmupSeconds: 0 }
    ], 7)
    const first = plan.step.filter((step) => step === 0).length
    expect(first).toBeGreaterThan(3_700)
    expect(first).toBeLessThan(4_300)
    expect(plan.dueMs.every((due, index) => index === 0 || due >= plan.dueMs[index - 1]!)).toBe(
      true
    )
    expect(plan.dueMs.every((due, index) => plan.measured[index] === (due >= 1_000 ? 1 : 0)))
      .toBe(true)
    expect(makePlan([{ ratePerSecond: 100, seconds: 1, warmupSeconds: 0 }], 7).dueMs)
      .toEqual(makePlan([{ ratePerSecond: 100, seconds: 1, warmupSeconds: 0 }], 7).dueMs)
  })

  it("is shared out without losing or doubling a send", () => {
    const plan = makePlan([{ ratePerSecond: 500, seconds: 2, warmupSeconds: 0 }], 3)
    const shares = [0, 1, 2].map((part) => shareOf(plan, part, 3))
    const together = shares.flatMap((share) => Array.from(share.dueMs)).sort((a, b) => a - b)
    expect(together).toEqual([...plan.dueMs])
  })
})
