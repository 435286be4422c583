/** The world's network and time: what arrives, in which order, and what a seed decides. */

import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { Connection, ConnectionHandler } from "../../src/domain/ports/transport.ts"
import { Chance } from "../../src/simulate/world/chance.ts"
import { Incarnation, onWorldTime, WorldEvents } from "../../src/simulate/world/events.ts"
import { calm, Network, type Weather, worldTransport } from "../../src/simulate/world/network.ts"

class Ear implements ConnectionHandler {
  readonly heard: Array<Buffer> = []
  ended = 0
  closed: Array<string> = []

  onData(chunk: Buffer): void {
    this.heard.push(chunk)
  }

  onDrain(): void {}

  onEnd(): void {
    this.ended++
  }

  onClose(how: string): void {
    this.closed.push(how)
  }

  get text(): string {
    return Buffer.concat(this.heard).toString("latin1")
  }
}

function run(events: WorldEvents): void {
  for (let count = 0; count < 100_000 && events.step(Number.POSITIVE_INFINITY); count++);
}

function meet(seed: number, weather: Partial<Weather>) {
  const events = new WorldEvents()
  const network = new Network(events, new Chance(seed))
  network.weather = { ...calm, ...weather }
  const client = new Incarnation("client")
  const server = new Incarnation("server")
  const near = new Ear()
  const far = new Ear()
  let nearEnd: Connection | undefined
  let farEnd: Connection | undefined
  network.listen(server, 7, (connection) => {
    farEnd = connection
    return far
  })
  let failed = ""
  worldTransport(network, client).connect(
    { host: "127.0.0.1", port: 7, timeoutMs: 500 },
    (connection) => {
      nearEnd = connection
      return near
    },
    (code) => {
      failed = code
    }
  )
  run(events)
  return { events, network, client, server, near, far, nearEnd, farEnd, failed: () => failed }
}

describe("a stream of the world", () => {
  it("brings every byte once and in order, however the weather cuts it", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const met = meet(seed, { jitterMs: 20, split: 0.6, merge: 0.5, stall: 0.1, stallMs: 300 })
      let sent = ""
      for (let index = 0; index < 40; index++) {
        const text = `message ${index};`
        sent += text
        met.nearEnd!.write(Buffer.from(text))
      }
      run(met.events)
      expect(met.far.text).toBe(sent)
    }
  })

  it("may lose the end of what was written when it is reset, never the middle", () => {
    let shortened = 0
    for (let seed = 1; seed <= 50; seed++) {
      const met = meet(seed, { reset: 0.2, jitterMs: 5 })
      let sent = ""
      for (let index = 0; index < 20; index++) {
        const text = `<${index}>`
        sent += text
        met.nearEnd!.write(Buffer.from(text))
      }
      run(met.events)
      expect(sent.startsWith(met.far.text)).toBe(true)
      if (met.far.text !== sent) shortened++
    }
    expect(shortened).toBeGreaterThan(20)
  })

  it("ends in no good order when it was reset before, also where the other side has ended", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const met = meet(seed, { reset: 1, jitterMs: 5 })
      met.farEnd!.end()
      run(met.events)
      met.nearEnd!.write(Buffer.from("half of it"))
      met.nearEnd!.end()
      run(met.events)
      expect(met.far.closed).toEqual(["reset"])
    }
  })

  it("succeeds in writing to somebody who is deaf", () => {
    const met = meet(3, { deaf: 1 })
    expect(met.nearEnd!.write(Buffer.from("hello"))).toBe(true)
    run(met.events)
    expect(met.far.text).toBe("")
  })

  it("ends when both sides have ended, once", () => {
    const met = meet(4, {})
    met.nearEnd!.write(Buffer.from("last"))
    met.nearEnd!.end()
    run(met.events)
    expect([met.far.text, met.far.ended, met.far.closed]).toEqual(["last", 1, []])
    met.farEnd!.write(Buffer.from("answer"))
    met.farEnd!.end()
    run(met.events)
    expect(met.near.text).toBe("answer")
    expect([met.near.closed, met.far.closed]).toEqual([["ended"], ["ended"]])
  })

  it("keeps what a paused reader has not taken, and says how much is pending", () => {
    const met = meet(5, {})
    met.farEnd!.pause()
    const block = Buffer.alloc(50_000, 65)
    expect(met.nearEnd!.write(block)).toBe(true)
    expect(met.nearEnd!.write(block)).toBe(false)
    run(met.events)
    expect(met.far.heard).toHaveLength(0)
    expect(met.nearEnd!.pendingBytes()).toBeGreaterThan(0)
    met.farEnd!.resume()
    run(met.events)
    expect(met.far.text).toHaveLength(100_000)
    expect(met.nearEnd!.pendingBytes()).toBe(0)
  })

  it("tells the others when a process dies, and tells the dead nothing", () => {
    const met = meet(6, {})
    met.nearEnd!.write(Buffer.from("to the dead"))
    met.network.died(met.server, "cut")
    run(met.events)
    expect(met.far.heard).toHaveLength(0)
    expect(met.far.closed).toEqual([])
    expect(met.near.closed).toEqual(["reset"])
  })

  it("refuses, or never answers, a connect", () => {
    expect(meet(7, { refuse: 1 }).failed()).toBe("ECONNREFUSED")
    const vanished = meet(8, { vanish: 1 })
    expect(vanished.failed()).toBe("ETIMEDOUT")
    expect(vanished.events.nowMs).toBe(500)
  })
})

describe("the world's time", () => {
  it("lets Effect's fibers sleep and wake in its own order", async () => {
    const events = new WorldEvents()
    const owner = new Incarnation("a")
    const order: Array<string> = []
    const wall = { offsetMs: 1_000_000 }
    const program = Effect.gen(function*() {
      yield* Effect.sleep("3 seconds")
      order.push(`slept ${events.nowMs}`)
      yield* Effect.forEach([1, 2, 3], (each) =>
        Effect.sleep(each * 10).pipe(
          Effect.andThen(Effect.sync(() => void order.push(`${each}`)))
        ), { concurrency: "unbounded" })
    })
    Effect.runFork(onWorldTime(events, owner, wall)(program))
    for (let count = 0; count < 1_000; count++) {
      await Promise.resolve()
      if (!events.step(Number.POSITIVE_INFINITY)) break
    }
    expect(order).toEqual(["slept 3000", "1", "2", "3"])
  })

  it("gives the same numbers for the same seed and name, and others for another", () => {
    const draw = (seed: number, name: string) => {
      const chance = new Chance(seed, name)
      return Array.from({ length: 100 }, () => chance.word())
    }
    expect(draw(1, "a")).toEqual(draw(1, "a"))
    expect(draw(1, "a")).not.toEqual(draw(2, "a"))
    expect(draw(1, "a")).not.toEqual(draw(1, "b"))
    const chance = new Chance(9)
    const mean = Array.from({ length: 20_000 }, () => chance.next())
      .reduce((sum, each) => sum + each, 0) / 20_000
    expect(mean).toBeGreaterThan(0.49)
    expect(mean).toBeLessThan(0.51)
  })
})
