/** The verbs that ask a running switch, against its real admin listener. */

import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Timers } from "../../src/actor/timers.ts"
import { serveAdmin } from "../../src/admin/admin-server.ts"
import type { AdminFaces } from "../../src/admin/faces.ts"
import { MachineHttp } from "../../src/listen/machine-http.ts"
import { MachineTime } from "../../src/listen/machine-time.ts"
import { makeFaces } from "../admin/faces.ts"
import { type Ended, pointsman } from "./process.ts"

const machine = MachineHttp.pipe(
  Layer.provideMerge(Timers.layer),
  Layer.provideMerge(MachineTime)
)

const against = (
  faces: AdminFaces,
  body: (run: (...words: Array<string>) => Effect.Effect<Ended>) => Effect.Effect<void>
) =>
  Effect.gen(function*() {
    const { port } = yield* serveAdmin({ host: "127.0.0.1", port: 0 }, faces)
    yield* body((...words) =>
      Effect.promise(() => pointsman([...words, "--admin", `127.0.0.1:${port}`]))
    )
  }).pipe(Effect.scoped, Effect.provide(machine))

it.live("data goes out as a table or as JSON, talk is said", () => {
  const { calls, faces } = makeFaces()
  return against(faces, (run) =>
    Effect.gen(function*() {
      const table = yield* run("upstreams", "list")
      expect(table.out).toMatch(/^upstream +kind +breaker +links +in flight +window\n/)
      expect(table.out).toMatch(/acquirer +iso8583 +closed +up +3 +256\n/)
      const json = yield* run("upstreams", "list", "--format", "json")
      expect(JSON.parse(json.out)).toMatchObject([{ name: "acquirer", window: 256 }])
      const found = yield* run("transactions", "--rrn", "5", "--format", "json")
      expect(found.out).toContain("411111******1111")
      const forced = yield* run("upstreams", "force", "acquirer", "open")
      expect(forced).toMatchObject({ exit: 0, out: "", talk: "acquirer: breaker forced open\n" })
      const wrong = yield* run("upstreams", "force", "acquirer", "ajar")
      expect(wrong.exit).toBe(2)
      const absent = yield* run("sessions", "close", "T9")
      expect(absent.exit).toBe(1)
      expect(absent.talk).toBe("pointsman: that terminal has no session\n")
      expect((yield* run("health", "--alive")).exit).toBe(0)
      expect((yield* run("health")).exit).toBe(0)
      expect((yield* run("drain")).exit).toBe(0)
      expect(calls).toEqual([
        "search {\"rrn\":\"5\",\"limit\":100}",
        "force acquirer open",
        "close T9",
        "drain"
      ])
    }))
})

it.live("a terminal's DUKPT device is shown, and forgotten when it has new keys", () => {
  const { calls, faces } = makeFaces()
  return against(faces, (run) =>
    Effect.gen(function*() {
      const { out } = yield* run("keys", "serials", "--terminal", "T1")
      expect(out.split("\n")[1]).toBe(
        "T1        bdk-demo  FFFF 9876 5400 00E0 0000  40               false"
      )
      expect(yield* run("keys", "forget-serial", "T1")).toMatchObject({ exit: 0, out: "" })
      const absent = yield* run("keys", "forget-serial", "T9", "--same-device")
      expect(absent).toMatchObject({ exit: 1 })
      expect(absent.talk).toBe("pointsman: that terminal has no DUKPT device\n")
      expect(calls).toEqual(["forget T1", "forget T9 the same"])
    }))
})

it.live("sessions are told by their terminals, and their ends by the time", () => {
  const { faces } = makeFaces()
  return against(faces, (run) =>
    Effect.gen(function*() {
      const live = yield* run("sessions", "list")
      expect(live.out).toMatch(/^terminal +listener +remote +state +in flight +messages\n/)
      expect(live.out).toMatch(/\nT1 +terminals +127\.0\.0\.1:4711 +proven +1 +12\n$/)
      const ends = yield* run("sessions", "ended")
      expect(ends.out).toMatch(/\nT2 +- +- +idle +7 +2026-03-02T10:00:00\.000Z\n$/)
      const json = yield* run("sessions", "ended", "--format", "json")
      expect(JSON.parse(json.out)).toMatchObject([{ endedMs: 1_772_445_600_000 }])
    }))
})

it.live("a reload that the audit log would not hold says so", () => {
  const { faces } = makeFaces({ recordable: () => false })
  return against(faces, (run) =>
    Effect.map(run("reload"), ({ exit, talk }) => {
      expect([exit, talk]).toEqual([1, expect.stringContaining("audit log takes no entry")])
    }))
})

it.live("a reload that is refused says why, by name", () => {
  const refused = ["listeners.terminals.port needs a restart"]
  const reload = Effect.succeed({ version: 1, changes: [], refused })
  const { faces } = makeFaces({
    reload,
    readiness: { ...makeFaces().faces.readiness, draining: () => true }
  })
  return against(faces, (run) =>
    Effect.gen(function*() {
      const { exit, talk } = yield* run("reload")
      expect(exit).toBe(1)
      expect(talk).toBe(`${refused[0]}\nnothing was applied; version 1 stays in force\n`)
      const health = yield* run("health")
      expect(health.exit).toBe(1)
      expect(health.out).toContain("the switch is draining")
    }))
})
