/** MACs on a link: made before anything is written, checked before anything is believed. */

import { Layer } from "effect"
import { describe, expect, it } from "vitest"
import type { KeyHandle } from "../../src/domain/brand.ts"
import { Codec, type CodecShape, type MacVerdict } from "../../src/domain/ports/codec.ts"
import type { SecurityModuleShape } from "../../src/domain/ports/security-module.ts"
import type { Ending } from "../../src/domain/ports/upstream.ts"
import { encode, fieldsOf } from "./fake-dialect.ts"
import { links, Station } from "./station.ts"

/** Seals and verdicts wait until the test lets them go. */
class SlowCodec {
  readonly jobs: Array<() => void> = []
  /** What was to be verified. */
  readonly verified: Array<Uint8Array> = []
  verdict: MacVerdict = "right"
  broken = false

  readonly shape: Partial<CodecShape> = {
    lane: () => ({ id: 1, pending: () => 0, close: () => {} }),
    seal: (_lane, dialect, body, _key, done) =>
      void this.jobs.push(() => {
        const message = dialect.read(body)
        if (this.broken || "failure" in message) return done(undefined)
        done(encode({ ...fieldsOf(message), 64: "sealed" }))
      }),
    verify: (_lane, { bytes }, _key, done) => {
      this.verified.push(bytes)
      this.jobs.push(() => done(this.verdict))
    }
  }

  run(): void {
    for (const job of this.jobs.splice(0)) job()
  }
}

function sealed(): { readonly codec: SlowCodec; readonly station: Station } {
  const codec = new SlowCodec()
  const station = new Station(links(2), {
    keys: {
      security: {} as SecurityModuleShape,
      macs: new Map([["bank", 1 as KeyHandle]]),
      pins: new Map()
    },
    codec: Layer.succeed(Codec, Codec.of(codec.shape as CodecShape))
  })
  return { codec, station }
}

describe("a sealed link", () => {
  it("writes nothing before the MAC is made, and believes a right MAC alone", () => {
    const { codec, station } = sealed()
    const sent = station.reserve()
    const endings: Array<Ending> = []
    expect(sent.dispatch(5000, (ending) => void endings.push(ending))).toBe(true)
    station.time.settle()
    const peer = station.peer(sent.link)
    expect(peer.heard).toEqual([])
    codec.run()
    station.time.settle()
    expect(peer.heard).toMatchObject([{ 64: "sealed" }])
    codec.verdict = "wrong"
    peer.answer(peer.heard[0]!, { 39: "00" })
    station.time.settle()
    codec.run()
    expect(endings).toEqual([])
    expect(codec.verified.map((bytes) => bytes.every((byte) => byte === 0))).toEqual([true])
    expect([station.meter.of("wrong-mac"), station.meter.of("malformed")]).toEqual([1, 0])
    codec.verdict = "right"
    peer.answer(peer.heard[0]!, { 39: "00" })
    station.time.settle()
    codec.run()
    expect(endings).toMatchObject([{ _tag: "answered" }])
  })

  it("is unwritten when no MAC can be made, when it took too long, and when the link went", () => {
    for (const what of ["broken", "slow", "gone"]) {
      const { codec, station } = sealed()
      const sent = station.reserve()
      const endings: Array<Ending> = []
      sent.dispatch(5000, (ending) => void endings.push(ending))
      codec.broken = what === "broken"
      if (what === "gone") station.peer(sent.link).close("reset")
      if (what === "slow") station.time.pass(5100)
      station.time.settle()
      codec.run()
      station.time.settle()
      expect(endings).toEqual([{ _tag: "unwritten" }])
      expect(station.transport.peers.flatMap((peer) => peer.heard)).toEqual([])
      expect(station.status.inFlight).toBe(0)
    }
  })

  it("needs no MAC on network messages", () => {
    const { station } = sealed()
    station.peer(0).say({ mti: "0800", 11: "000009", 70: "301" })
    station.time.settle()
    expect(station.peer(0).of("0810")).toHaveLength(1)
  })
})
