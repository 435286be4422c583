/** What strangers can make happen as often as they like fills no log, and is counted all the same. */

import { expect, it } from "vitest"
import { LogLines } from "../../src/observe/log-lines.ts"
import { makeMetrics } from "../../src/observe/metrics.ts"
import { noticeMeter } from "../../src/observe/station-meters.ts"

it("forged notices are told of seldom, and counted each", () => {
  const metrics = makeMetrics()
  let written = ""
  const lines = new LogLines({
    wallMs: () => 1000,
    defer: (task) => task(),
    sink: (bytes, done) => {
      written += bytes.toString()
      done(true)
    },
    least: "info",
    dropped: () => {}
  })
  const meter = noticeMeter(metrics, lines)
  for (let turn = 0; turn < 100; turn++) {
    meter.notice("shop", "notification-forged")
  }
  meter.notice("shop", "notification-stale")
  const events = written.trim().split("\n").map((line) => JSON.parse(line) as object)
  expect(events).toMatchObject([
    { event: "notification-refused", account: "shop", reason: "notification-forged" },
    { event: "notification-refused", account: "shop", reason: "notification-stale" }
  ])
  expect(metrics.notifications_total.of("shop", "notification-forged").value).toBe(100)
})
