/** One write per turn and connection, and an honest word about what was written. */

import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { flushBytes, TurnFlush } from "../../src/actor/turn-writer.ts"
import type { Connection } from "../../src/domain/ports/transport.ts"
import { ManualTime } from "./manual-time.ts"

class Wire implements Connection {
  readonly id = 1
  readonly remote = "127.0.0.1:1"
  readonly writes: Array<Buffer> = []
  pending = 0
  onWrite: () => void = () => {}
  write(bytes: Uint8Array): boolean {
    this.writes.push(Buffer.from(bytes))
    this.onWrite()
    return this.pending === 0
  }
  pendingBytes(): number {
    return this.pending
  }
  pause(): void {}
  resume(): void {}
  end(): void {}

  leave(): void {}
  destroy(): void {}
}

describe("a turn writer", () => {
  it("sends the frames of a turn in one write, in order, and those of the next in another", () => {
    const time = new ManualTime()
    const wire = new Wire()
    const written: Array<number> = []
    const writer = new TurnFlush(time.shape).writer(wire, 1000, {
      onWritten: (sequence) => written.push(sequence),
      onSlow: () => {}
    })
    expect([writer.send(Buffer.from("one ")), writer.send(Buffer.from("two"))]).toEqual([1, 2])
    expect([wire.writes.length, writer.written(), writer.pendingBytes()]).toEqual([0, 0, 7])
    time.endTurn()
    writer.send(Buffer.from("three"))
    time.endTurn()
    expect(wire.writes.map(String)).toEqual(["one two", "three"])
    expect(written).toEqual([2, 3])
  })

  it("uses one deferred task for all its connections", () => {
    let deferred = 0
    const tasks: Array<() => void> = []
    const house = new TurnFlush({
      atTurnEnd: (task) => {
        deferred++
        tasks.push(task)
      }
    })
    for (let index = 0; index < 100; index++) {
      house.writer(new Wire(), 1000, { onSlow: () => {} }).send(Buffer.from("x"))
    }
    expect(deferred).toBe(1)
  })

  it("knows which frames were never written when the connection goes", () => {
    const time = new ManualTime()
    const wire = new Wire()
    const writer = new TurnFlush(time.shape).writer(wire, 1000, { onSlow: () => {} })
    writer.send(Buffer.from("a"))
    time.endTurn()
    const lost = writer.send(Buffer.from("b"))
    writer.close()
    time.endTurn()
    expect(writer.written()).toBeLessThan(lost)
    expect(writer.send(Buffer.from("c"))).toBe(0)
    expect(wire.writes.map(String)).toEqual(["a"])
  })

  it("counts a frame as written when the connection breaks in its very write", () => {
    const time = new ManualTime()
    const wire = new Wire()
    const writer = new TurnFlush(time.shape).writer(wire, 1000, { onSlow: () => {} })
    let seen = 0
    wire.onWrite = () => {
      seen = writer.written()
      writer.close()
    }
    writer.send(Buffer.from("a"))
    time.endTurn()
    expect(seen).toBe(1)
  })

  it("tells once of a peer that does not read, and again after it had drained", () => {
    const time = new ManualTime()
    const wire = new Wire()
    const slow: Array<number> = []
    const writer = new TurnFlush(time.shape).writer(wire, 1000, {
      onSlow: (pending) => slow.push(pending)
    })
    const send = (pending: number) => {
      wire.pending = pending
      writer.send(Buffer.from("a"))
      time.endTurn()
    }
    for (const pending of [1000, 1001, 2000]) send(pending)
    expect(slow).toEqual([1001])
    writer.drained()
    send(3000)
    expect(slow).toEqual([1001, 3000])
  })

  it("does not let a turn grow without bound", () => {
    const time = new ManualTime()
    const wire = new Wire()
    const writer = new TurnFlush(time.shape).writer(wire, 1000, { onSlow: () => {} })
    writer.send(Buffer.alloc(flushBytes - 1))
    expect(wire.writes).toHaveLength(0)
    writer.send(Buffer.alloc(1))
    expect(wire.writes).toHaveLength(1)
    time.settle()
    expect(wire.writes).toHaveLength(1)
  })

  it("leaves nothing of the frames of a turn behind that it has joined", () => {
    const time = new ManualTime()
    const wire = new Wire()
    const writer = new TurnFlush(time.shape).writer(wire, 1000, { onSlow: () => {} })
    const frames = [Buffer.from("one"), Buffer.from("two")]
    for (const frame of frames) writer.send(frame)
    time.endTurn()
    expect(Buffer.concat(wire.writes).toString()).toBe("onetwo")
    expect(Buffer.concat(frames)).toEqual(Buffer.alloc(6))
  })

  it("leaves nothing of frames behind that never left", () => {
    const time = new ManualTime()
    const wire = new Wire()
    const writer = new TurnFlush(time.shape).writer(wire, 1000, { onSlow: () => {} })
    const [queued, late] = [Buffer.from("one"), Buffer.from("two")]
    writer.send(queued)
    writer.close()
    expect(writer.send(late)).toBe(0)
    time.endTurn()
    expect(wire.writes).toEqual([])
    expect(Buffer.concat([queued, late])).toEqual(Buffer.alloc(6))
  })

  it("carries every byte once and in order for any mixture of frames and turns", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant("turn" as const))),
        (script) => {
          const time = new ManualTime()
          const wire = new Wire()
          const writer = new TurnFlush(time.shape).writer(wire, 1000, { onSlow: () => {} })
          const sent: Array<Uint8Array> = []
          for (const entry of script) {
            if (entry === "turn") {
              time.endTurn()
            } else {
              sent.push(Uint8Array.from(entry))
              writer.send(Uint8Array.from(entry))
            }
          }
          time.settle()
          expect(Buffer.concat(wire.writes)).toEqual(Buffer.concat(sent))
          expect(writer.written()).toBe(sent.length)
        }
      ),
      { numRuns: 100, seed: 4 }
    )
  })
})
