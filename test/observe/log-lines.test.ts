/** Log lines: one object a line, masked, bounded, never waiting. */

import { Effect, Layer } from "effect"
import { describe, expect, it } from "vitest"
import { jsonLogger } from "../../src/observe/json-logger.ts"
import { LogLines, type LogSink, maxWaitingBytes, seldomMs } from "../../src/observe/log-lines.ts"

/** A log whose sink says when it is done, and whose turns end when the test says so. */
function rig() {
  const written: Array<string> = []
  const tasks: Array<() => void> = []
  const waiting: Array<(written: boolean) => void> = []
  let lost = 0
  let atMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
  const sink: LogSink = (bytes, done) => {
    written.push(bytes.toString())
    waiting.push(done)
  }
  const lines = new LogLines({
    wallMs: () => atMs,
    defer: (task) => void tasks.push(task),
    sink,
    least: "info",
    dropped: (count) => lost += count
  })
  return {
    lines,
    written,
    later: (ms: number) => void (atMs += ms),
    turn: () => tasks.splice(0).forEach((task) => task()),
    done: (ok = true) => waiting.splice(0).forEach((each) => each(ok)),
    lost: () => lost
  }
}

const parsed = (written: ReadonlyArray<string>) =>
  written.join("").trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>)

describe("log lines", () => {
  it("leave as one write a turn, one object a line, with time, level and event", () => {
    const { lines, turn, written } = rig()
    lines.write("info", "link-up", { upstream: "acquirer" })
    lines.write("warn", "link-down", { upstream: "acquirer" })
    lines.write("debug", "chatter")
    expect(written).toEqual([])
    turn()
    expect(written).toHaveLength(1)
    expect(parsed(written)).toEqual([
      { time: "2026-01-02T03:04:05.678Z", level: "info", event: "link-up", upstream: "acquirer" },
      { time: "2026-01-02T03:04:05.678Z", level: "warn", event: "link-down", upstream: "acquirer" }
    ])
  })

  it("mask card numbers wherever they stand, and show no bytes", () => {
    const { lines, turn, written } = rig()
    lines.write("info", "odd", {
      text: "card 4111111111111111 refused",
      "5500005555555559": 1,
      bytes: new Uint8Array([1, 2, 3]),
      error: new Error("4111111111111111")
    })
    turn()
    expect(written[0]).not.toMatch(/4111111111111111|5500005555555559/)
    expect(written[0]).toContain("411111******1111")
    expect(written[0]).toContain("\"bytes\":\"3 bytes\"")
  })

  it("mask what is longer than any card number: one may stand in it", () => {
    const { lines, turn, written } = rig()
    // Field 42 of ISO 8583:2003 has room for it, and an impostor's is told.
    lines.write("warn", "audit", { merchant: "000004111111111111111100" })
    turn()
    expect(written[0]).not.toContain("4111111111111111")
    expect(written[0]).toContain("000004**************1100")
  })

  it("come once a second where strangers can cause them, and say how many did not", () => {
    const { later, lines, turn, written } = rig()
    const end = (reason: string) => lines.writeSeldom("info", "session-ended", { reason })
    for (let index = 0; index < 500; index++) end("frame-incomplete")
    end("first-message-late")
    later(seldomMs)
    end("frame-incomplete")
    end("first-message-late")
    later(-5000)
    end("first-message-late")
    turn()
    expect(parsed(written).map(({ reason, unsaid }) => [reason, unsaid])).toEqual([
      ["frame-incomplete", undefined],
      ["first-message-late", undefined],
      ["frame-incomplete", 499],
      ["first-message-late", undefined],
      ["first-message-late", undefined]
    ])
  })

  it("D8: are dropped and counted when nobody takes them, and it is said afterwards", () => {
    const { done, lines, lost, turn, written } = rig()
    lines.write("info", "first")
    turn()
    const filler = "x".repeat(10_000)
    const count = Math.ceil(maxWaitingBytes / 10_000) + 10
    for (let index = 0; index < count; index++) lines.write("info", "more", { filler })
    expect(written).toHaveLength(1)
    expect(lost()).toBeGreaterThan(9)
    done()
    done()
    turn()
    const dropped = parsed(written).filter(({ event }) => event === "log-lines-dropped")
    expect(dropped.map(({ count: each }) => each)).toEqual([lost()])
    const kept = parsed(written).filter(({ event }) => event === "more").length
    expect(kept + lost()).toBe(count)
  })

  it("D8: that cannot be written are counted, and logging goes on", () => {
    const { done, lines, lost, turn, written } = rig()
    lines.write("info", "one")
    turn()
    done(false)
    expect(lost()).toBe(1)
    lines.write("info", "two")
    turn()
    expect(parsed(written).map(({ event }) => event)).toEqual(["one", "two"])
  })
})

describe("Effect's own log calls", () => {
  it("become the same lines", async () => {
    const { lines, turn, written } = rig()
    await Effect.logWarning("link-down", { upstream: "a" }).pipe(
      Effect.andThen(Effect.logDebug("chatter")),
      Effect.andThen(Effect.logError("broken", new Error("why"))),
      Effect.provide(Layer.fresh(jsonLogger(lines))),
      Effect.runPromise
    )
    turn()
    expect(parsed(written)).toMatchObject([
      { level: "warn", event: "link-down", upstream: "a" },
      { level: "error", event: "broken", error: "Error", message: "why" }
    ])
  })
})
