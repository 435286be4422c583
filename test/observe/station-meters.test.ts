/** What strangers can make happen as often as they like fills no log, and is counted all the same. */

import { expect, it } from "vitest"
import { makeMetrics } from "../../src/observe/metrics.ts"
import { noticeMeter, securityMeter } from "../../src/observe/station-meters.ts"
import { writtenLines } from "./written-lines.ts"

function makeMeter() {
  const metrics = makeMetrics()
  const { lines, written } = writtenLines()
  const events = () =>
    written.join("").split("\n").filter(Boolean).map((line) => JSON.parse(line) as object)
  return { events, lines, meter: noticeMeter(metrics, lines), metrics }
}

it("forged notices are told of seldom, and counted each", () => {
  const { events, meter, metrics } = makeMeter()
  for (let turn = 0; turn < 100; turn++) {
    meter.notice("shop", "notification-forged")
  }
  meter.notice("shop", "notification-stale")
  expect(events()).toMatchObject([
    { event: "notification-refused", account: "shop", reason: "notification-forged" },
    { event: "notification-refused", account: "shop", reason: "notification-stale" }
  ])
  expect(metrics.notifications_total.of("shop", "notification-forged").value).toBe(100)
})

it("streams that end are told of seldom, those that only came and went never, and counted each", () => {
  const { events, meter, metrics } = makeMeter()
  for (let turn = 0; turn < 100; turn++) {
    meter.streamEnded("notices", "peer-closed")
    meter.streamEnded("notices", "frame-too-long")
  }
  expect(events()).toMatchObject([
    { event: "stream-ended", listener: "notices", reason: "frame-too-long" }
  ])
  const { notification_streams_closed_total: closed } = metrics
  expect([closed.of("peer-closed").value, closed.of("frame-too-long").value]).toEqual([100, 100])
})

it("a security module that fails is told of seldom, as is a key block; all is counted", () => {
  const { events, lines, metrics } = makeMeter()
  const refused = securityMeter(metrics, lines)
  for (let turn = 0; turn < 100; turn++) {
    refused({ code: "hsm-unavailable" })
    refused({ code: "pin-digits" })
    refused({ code: "block-expired" })
  }
  expect(events()).toMatchObject([
    { event: "security-module", reason: "hsm-unavailable" },
    { event: "security-module", reason: "block-expired" }
  ])
  const { security_refusals_total: refusals } = metrics
  expect([refusals.of("hsm-unavailable").value, refusals.of("pin-digits").value])
    .toEqual([100, 100])
})
