/** Facts that rest sealed: there and back, from whatever version sealed them. */

import fc from "fast-check"
import { pack } from "msgpackr"
import { describe, expect, it } from "vitest"
import type { VaultShape } from "../../src/domain/ports/vault.ts"
import { makeSealing } from "../../src/domain/sealing.ts"

/** Keeps what it is given, so that a test sees it. */
const glass: VaultShape = {
  seal: (clear) => Buffer.from(clear),
  open: (sealed) => sealed,
  digest: (text) => text
}

const sealing = makeSealing(glass)

const text = (maxLength: number) =>
  fc.option(fc.string({ minLength: 1, maxLength, unit: "grapheme" }), { nil: undefined })

const facts = fc.record({
  pan: text(80),
  expiry: text(4),
  cardSequence: text(3),
  answer: fc.option(fc.uint8Array({ minLength: 1, maxLength: 5000 }), { nil: undefined })
})

describe("sealed facts", () => {
  it("come back as they were, whether they fit the short form or not", () => {
    fc.assert(fc.property(facts, (some) => {
      const present = Object.fromEntries(
        Object.entries(some).filter(([, value]) => value !== undefined)
      )
      const opened = sealing.open(sealing.seal(present))
      expect({ ...opened, answer: opened.answer && Uint8Array.from(opened.answer) })
        .toEqual({ answer: undefined, ...present })
    }))
  })

  it("are one byte a text longer than what they say", () => {
    const sealed = sealing.seal({ pan: "4012345678909", expiry: "2912", answer: Buffer.of(7, 8) })
    expect(Buffer.from(sealed)).toEqual(
      Buffer.concat([
        Buffer.of(1, 13),
        Buffer.from("4012345678909"),
        Buffer.of(4),
        Buffer.from("2912"),
        Buffer.of(0, 7, 8)
      ])
    )
  })

  it("leave nothing in the memory they were sealed in, nor when they do not fit it (I6)", () => {
    let work: ArrayBufferLike | undefined
    const watched = makeSealing({
      ...glass,
      seal: (clear) => {
        work ??= clear.buffer
        return Buffer.from(clear)
      }
    })
    watched.seal({ pan: "4012345678909" })
    watched.seal({ pan: "4012345678909", answer: new Uint8Array(5000) })
    expect(Buffer.from(work!).includes("4012345678909")).toBe(false)
  })

  it("of an earlier version still open", () => {
    const earlier = pack(["4012345678909", "2912", null, Buffer.of(7, 8)])
    expect(sealing.open(earlier)).toEqual({
      pan: "4012345678909",
      expiry: "2912",
      answer: Buffer.of(7, 8)
    })
  })
})
