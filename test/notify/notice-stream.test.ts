/** Notices on a connection that stays: however its bytes are cut, and each way in which it ends. */

import { Effect, Layer, Scope } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Timers } from "../../src/actor/timers.ts"
import { TurnFlush } from "../../src/actor/turn-writer.ts"
import type { ListenerConfig } from "../../src/domain/config.ts"
import type { NotificationJob } from "../../src/domain/ports/codec.ts"
import type { Intake, NoticeEnd } from "../../src/notify/intake.ts"
import { NoticeStream, streamWindow } from "../../src/notify/notice-stream.ts"
import { frameLimits } from "../../src/qr/messagepack-scan.ts"
import {
  decodeMessagePack,
  encodeMessagePack,
  type MessagePackValue
} from "../../src/qr/messagepack.ts"
import { ManualTime } from "../actor/manual-time.ts"
import { Caller } from "../session/caller.ts"
import { listener } from "../session/place.ts"

const config: ListenerConfig = {
  ...listener,
  kind: "notifications",
  maxFrameBytes: 4096,
  firstMessageMs: 1000,
  frameMs: 500,
  idleMs: 5000,
  maxPendingBytes: 1000
}

type Job = NotificationJob & { readonly end: (end: NoticeEnd) => void }

class Rig {
  readonly time = new ManualTime()
  readonly jobs: Array<Job> = []
  readonly ends: Array<string> = []
  readonly caller = new Caller(1, "127.0.0.1:1")
  readonly stream: NoticeStream

  constructor() {
    const built = Layer.buildWithScope(
      Timers.layer.pipe(Layer.provide(this.time.layer)),
      Scope.makeUnsafe()
    )
    const intake = {
      take: (job: NotificationJob, end: (end: NoticeEnd) => void) =>
        void this.jobs.push({ ...job, end })
    } as Partial<Intake> as Intake
    this.stream = new NoticeStream({
      config,
      intake,
      timers: Effect.runSync(Effect.provide(Timers, Effect.runSync(built))),
      flush: new TurnFlush(this.time.shape),
      wallMs: () => this.time.wall,
      ended: (reason) => void this.ends.push(reason)
    }, this.caller)
    this.caller.handler = this.stream
  }

  /** What the peer has heard: number, end and why. */
  heard(): Array<ReadonlyArray<MessagePackValue | undefined>> {
    this.time.settle()
    const found: Array<ReadonlyArray<MessagePackValue | undefined>> = []
    let rest = this.caller.raw
    while (rest.length >= 4) {
      const length = rest.readUInt32BE(0)
      const read = decodeMessagePack(rest.subarray(4, 4 + length), frameLimits)
      if (read._tag !== "value" || !(read.value instanceof Map)) throw new Error("no map")
      found.push(["n", "end", "why"].map((key) => (read.value as Map<string, never>).get(key)))
      rest = rest.subarray(4 + length)
    }
    return found
  }
}

function framed(content: Uint8Array): Buffer {
  const frame = Buffer.alloc(4 + content.length)
  frame.writeUInt32BE(content.length)
  frame.set(content, 4)
  return frame
}

function notice(n: number): Buffer {
  return framed(encodeMessagePack({
    n,
    account: "demo",
    headers: new Map([["X-Signature", "abc"]]),
    body: Buffer.from(`{"n":${n}}`)
  }))
}

describe("a stream of notices", () => {
  it("gives the same notices however its bytes are cut", () => {
    const whole = Buffer.concat([1, 2, 3, 4].map((n) => notice(n)))
    const cuts = fc.array(fc.integer({ min: 0, max: whole.length }), { maxLength: 40 })
    fc.assert(
      fc.property(cuts, (places) => {
        const rig = new Rig()
        const edges = [0, ...places.toSorted((a, b) => a - b), whole.length]
        for (let at = 1; at < edges.length; at++) {
          rig.caller.bytes(Buffer.from(whole.subarray(edges[at - 1], edges[at])))
        }
        expect(rig.jobs.map(({ body }) => Buffer.from(body).toString())).toEqual([
          "{\"n\":1}",
          "{\"n\":2}",
          "{\"n\":3}",
          "{\"n\":4}"
        ])
        expect(rig.jobs[0]!.headers).toEqual(new Map([["x-signature", "abc"]]))
        expect(rig.jobs[0]).toMatchObject({ account: "demo", nowMs: rig.time.wall })
        expect(rig.ends).toEqual([])
      }),
      { numRuns: 200 }
    )
  })

  it("gives the same notices byte by byte", () => {
    const rig = new Rig()
    for (const byte of Buffer.concat([notice(1), notice(2)])) rig.caller.bytes(Buffer.from([byte]))
    expect(rig.jobs).toHaveLength(2)
  })

  it("answers each once, in the order of its end", () => {
    const rig = new Rig()
    rig.caller.bytes(Buffer.concat([notice(7), notice(8), notice(9), notice(10), notice(11)]))
    const [seven, eight, nine, ten, eleven] = rig.jobs
    nine!.end({ _tag: "accepted", what: "booked" })
    seven!.end({ _tag: "refused", failure: "notification-forged" })
    eight!.end({ _tag: "later" })
    ten!.end({ _tag: "accepted", what: "known" })
    eleven!.end({ _tag: "accepted", what: "exception" })
    expect(rig.heard()).toEqual([
      [9, "accepted", "booked"],
      [7, "refused", "refused"],
      [8, "later", "busy"],
      [10, "accepted", "known"],
      [11, "accepted", "exception"]
    ])
  })

  it("is not read while its window is full, and read again when one has ended", () => {
    const rig = new Rig()
    for (let n = 1; n < streamWindow; n++) rig.caller.bytes(notice(n))
    expect(rig.caller.paused).toBe(false)
    rig.caller.bytes(notice(streamWindow))
    expect(rig.caller.paused).toBe(true)
    rig.jobs[3]!.end({ _tag: "accepted", what: "booked" })
    expect(rig.caller.paused).toBe(false)
    rig.caller.bytes(notice(streamWindow + 1))
    expect(rig.caller.paused).toBe(true)
    expect(rig.jobs).toHaveLength(streamWindow + 1)
  })
})

describe("a stream that the switch drains", () => {
  it("is not read again, though its window has room, and hears all it is owed before it is left", () => {
    const rig = new Rig()
    for (let n = 1; n <= streamWindow; n++) rig.caller.bytes(notice(n))
    rig.stream.drain()
    rig.jobs[0]!.end({ _tag: "accepted", what: "booked" })
    expect([rig.caller.paused, rig.caller.fate]).toEqual([true, "open"])
    rig.stream.leave()
    expect([rig.caller.fate, rig.ends]).toEqual(["ended", ["draining"]])
    expect(rig.heard()).toEqual([[1, "accepted", "booked"]])
    rig.stream.leave()
    rig.time.pass(20_000, 100)
    expect(rig.ends).toEqual(["draining"])
  })

  it("is paused though it had room", () => {
    const rig = new Rig()
    rig.caller.bytes(notice(1))
    rig.stream.drain()
    expect(rig.caller.paused).toBe(true)
  })
})

describe("a stream whose peer says no more", () => {
  it("hears in this turn what it was owed, and is ended", () => {
    const rig = new Rig()
    rig.caller.bytes(notice(1))
    rig.jobs[0]!.end({ _tag: "accepted", what: "booked" })
    rig.stream.onEnd()
    expect(rig.caller.raw.length).toBeGreaterThan(0)
    expect([rig.caller.fate, rig.ends]).toEqual(["ended", []])
    rig.caller.close("ended")
    expect(rig.ends).toEqual(["peer-closed"])
  })

  it("hears all that it is still owed, and is ended behind the last of it", () => {
    const rig = new Rig()
    rig.caller.bytes(Buffer.concat([notice(1), notice(2)]))
    rig.stream.onEnd()
    expect(rig.caller.fate).toBe("open")
    rig.jobs[1]!.end({ _tag: "later" })
    rig.time.settle()
    expect(rig.caller.fate).toBe("open")
    rig.jobs[0]!.end({ _tag: "accepted", what: "booked" })
    expect(rig.caller.fate).toBe("ended")
    expect(rig.heard()).toEqual([[2, "later", "busy"], [1, "accepted", "booked"]])
    rig.caller.close("ended")
    rig.time.pass(20_000, 100)
    expect(rig.ends).toEqual(["peer-closed"])
  })

  it("in the middle of a notice hears what it is owed for those before", () => {
    const rig = new Rig()
    rig.caller.bytes(Buffer.concat([notice(1), notice(2).subarray(0, 9)]))
    rig.stream.onEnd()
    rig.time.pass(3000, 50)
    expect([rig.caller.fate, rig.ends]).toEqual(["open", []])
    rig.jobs[0]!.end({ _tag: "accepted", what: "known" })
    expect(rig.heard()).toEqual([[1, "accepted", "known"]])
    rig.caller.close("ended")
    expect([rig.caller.fate, rig.ends]).toEqual(["ended", ["frame-incomplete"]])
  })

  it("is not kept for ever, whether we owe it something or it does not read", () => {
    for (const end of [false, true]) {
      const rig = new Rig()
      rig.caller.bytes(notice(1))
      rig.stream.onEnd()
      rig.time.pass(4000, 100)
      if (end) rig.jobs[0]!.end({ _tag: "later" })
      expect(rig.ends).toEqual([])
      rig.time.pass(1100, 100)
      expect([rig.caller.fate, rig.ends]).toEqual(["destroyed", ["peer-closed"]])
    }
  })

  it("and is gone hears nothing more", () => {
    const rig = new Rig()
    rig.caller.bytes(notice(1))
    rig.caller.close("reset")
    rig.jobs[0]!.end({ _tag: "accepted", what: "booked" })
    rig.time.pass(20_000, 100)
    expect([rig.caller.raw.length, rig.ends]).toEqual([0, ["peer-reset"]])
  })
})

describe("a stream that is not read", () => {
  it("is not blamed for a frame that it could not go on with, until it can", () => {
    const rig = new Rig()
    for (let n = 1; n <= streamWindow; n++) rig.caller.bytes(notice(n))
    rig.caller.bytes(notice(0).subarray(0, 9))
    rig.time.pass(3000, 50)
    expect([rig.caller.paused, rig.ends]).toEqual([true, []])
    rig.jobs[0]!.end({ _tag: "later" })
    rig.time.pass(600, 50)
    expect(rig.ends).toEqual(["frame-incomplete"])
  })
})

describe("a stream ends", () => {
  const ended: ReadonlyArray<readonly [string, string, (rig: Rig) => void]> = [
    ["first-message-late", "destroyed", (rig) => rig.time.pass(1100)],
    ["frame-empty", "destroyed", (rig) => rig.caller.bytes(Buffer.alloc(4))],
    ["frame-too-long", "destroyed", (rig) => rig.caller.bytes(Buffer.from([0, 0, 0x10, 1]))],
    ["frame-too-long", "destroyed", (rig) => rig.caller.bytes(Buffer.alloc(4, 0xff))],
    ["frame-incomplete", "destroyed", (rig) => {
      // As long as may be, and not there in time: it was waited for.
      rig.caller.bytes(Buffer.from([0, 0, 0x10, 0]))
      rig.time.pass(600)
    }],
    ["frame-incomplete", "destroyed", (rig) => {
      rig.caller.bytes(notice(1).subarray(0, 9))
      rig.time.pass(600)
    }],
    ["frame-incomplete", "destroyed", (rig) => {
      // A whole one, and another that trickles in a byte at a time.
      rig.caller.bytes(notice(1))
      for (const byte of notice(2)) {
        rig.caller.bytes(Buffer.from([byte]))
        rig.time.pass(50)
      }
    }],
    ["frame-incomplete", "destroyed", (rig) => {
      for (const byte of notice(1)) {
        rig.caller.bytes(Buffer.from([byte]))
        rig.time.pass(50)
      }
    }],
    ["idle", "destroyed", (rig) => {
      rig.caller.bytes(notice(1))
      rig.jobs[0]!.end({ _tag: "accepted", what: "booked" })
      rig.time.pass(5100)
    }],
    ["slow-reader", "destroyed", (rig) => {
      rig.caller.stuckBytes = 1001
      rig.caller.bytes(notice(1))
      rig.jobs[0]!.end({ _tag: "later" })
      rig.time.settle()
    }],
    ["peer-closed", "open", (rig) => rig.caller.close("ended")],
    ["peer-reset", "open", (rig) => rig.caller.close("reset")]
  ]
  it.each(ended)("for %s, once (%s)", (reason, fate, act) => {
    const rig = new Rig()
    act(rig)
    rig.caller.close("reset")
    rig.time.pass(20_000, 100)
    expect([rig.ends, rig.caller.fate]).toEqual([[reason], fate])
  })

  const good = { n: 1, account: "demo", headers: new Map(), body: Buffer.alloc(0) }
  const unreadable: ReadonlyArray<readonly [string, MessagePackValue | Uint8Array]> = [
    ["no map", [1, 2]],
    [
      "a number that is a text",
      new Map<string, MessagePackValue>(
        Object.entries({ ...good, n: "1" })
      )
    ],
    ["no account", new Map<string, MessagePackValue>([["n", 1]])],
    [
      "headers that are no map",
      new Map<string, MessagePackValue>(
        Object.entries({ ...good, headers: "x" })
      )
    ],
    [
      "a header that is no text",
      new Map<string, MessagePackValue>(
        Object.entries({ ...good, headers: new Map([["a", 1]]) })
      )
    ],
    [
      "a body that is a text",
      new Map<string, MessagePackValue>(
        Object.entries({ ...good, body: "{}" })
      )
    ]
  ]
  it.each(unreadable)("over what cannot be a notice: %s", (_, value) => {
    const rig = new Rig()
    rig.caller.bytes(framed(encodeMessagePack(value as MessagePackValue)))
    expect([rig.ends, rig.jobs]).toEqual([["messages-bad-repeated"], []])
  })

  it.each([
    ["nested too deeply", Buffer.alloc(40, 0x91)],
    [
      "more entries than are taken",
      Buffer.concat([
        Buffer.from([0xdc, 0x03, 0xe8]),
        Buffer.alloc(1000, 0xc0)
      ])
    ],
    ["a length beyond its frame", Buffer.from([0xc6, 0x7f, 0xff, 0xff, 0xff])],
    ["an extension", Buffer.from([0xd4, 0x01, 0x00])],
    ["a key that is there twice", Buffer.from([0x82, 0xa1, 0x6e, 1, 0xa1, 0x6e, 2])],
    ["bytes behind the map", Buffer.concat([notice(1).subarray(4), Buffer.from([0xc0])])]
  ])("over MessagePack that nobody should decode: %s", (_, content) => {
    const rig = new Rig()
    rig.caller.bytes(framed(content))
    expect([rig.ends, rig.jobs]).toEqual([["messages-bad-repeated"], []])
  })

  it("and takes nothing of what came behind its end, in the same bytes or later", () => {
    const rig = new Rig()
    rig.caller.bytes(Buffer.concat([notice(1), framed(Buffer.from([0xc0])), notice(2)]))
    rig.caller.bytes(notice(3))
    expect([rig.ends, rig.jobs.length]).toEqual([["messages-bad-repeated"], 1])
    rig.jobs[0]!.end({ _tag: "accepted", what: "booked" })
    expect(rig.heard()).toEqual([])
  })

  it("not for idleness while a notice waits for us", () => {
    const rig = new Rig()
    rig.caller.bytes(notice(1))
    rig.time.pass(12_000, 100)
    expect(rig.ends).toEqual([])
    rig.jobs[0]!.end({ _tag: "accepted", what: "booked" })
    expect(rig.heard()).toEqual([[1, "accepted", "booked"]])
    rig.time.pass(12_000, 100)
    expect(rig.ends).toEqual(["idle"])
  })
})
