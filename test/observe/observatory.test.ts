/** The observatory as wiring gets it: gauges are brought up to date before each scrape. */

import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { MachineTime } from "../../src/listen/machine-time.ts"
import { fileDescriptorSink } from "../../src/observe/log-output.ts"
import { Observatory, observatoryLayer } from "../../src/observe/observatory.ts"

it.live("shows the process, the build and what its owners bring", () =>
  Effect.gen(function*() {
    const folder = mkdtempSync(join(tmpdir(), "pointsman-observe-"))
    const file = join(folder, "log")
    const descriptor = openSync(file, "w")
    yield* Effect.gen(function*() {
      const { lines, metrics, onScrape, scrape } = yield* Observatory
      onScrape(() => metrics.queue_depth.of("feed").set(7))
      const text = scrape()
      expect(text).toContain("pointsman_build_info{version=\"0.1.0\",commit=\"abc\",node=\"n1\"} 1")
      expect(text).toMatch(/pointsman_start_time_seconds [1-9]\d{9}/)
      expect(text).toContain("pointsman_queue_depth{queue=\"feed\"} 7")
      expect(text).toMatch(/pointsman_heap_bytes\{kind="resident"\} [1-9]/)
      expect(text).toMatch(/pointsman_event_loop_delay_seconds\{quantile="0.99"\} \d/)
      lines.write("info", "direct")
      yield* Effect.logInfo("through-effect", { a: 1 })
      yield* Effect.logError("a defect", new TypeError("of ours"))
      while (!readFileSync(file, "utf8").includes("of ours")) yield* Effect.sleep(5)
      const written = readFileSync(file, "utf8").trim().split("\n").map((line) =>
        JSON.parse(line) as Record<string, unknown>
      )
      expect(written.map(({ event }) => event)).toEqual(["direct", "through-effect", "a defect"])
      const [, , defect] = written
      expect(defect).toMatchObject({ error: "TypeError", message: "of ours" })
      expect(String(defect!["at"])).toContain("observatory.test.ts")
    }).pipe(
      Effect.provide(
        observatoryLayer({
          sink: fileDescriptorSink(descriptor),
          least: "info",
          version: "0.1.0",
          commit: "abc",
          node: "n1"
        }).pipe(Layer.provide(MachineTime))
      ),
      Effect.timeout("20 seconds"),
      Effect.ensuring(Effect.sync(() => {
        closeSync(descriptor)
        rmSync(folder, { recursive: true })
      }))
    )
  }))
