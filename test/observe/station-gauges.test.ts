/** Gauges of the stations, as a scrape shows them. */

import { expect, it } from "vitest"
import type { Certificate } from "../../src/config/certificates.ts"
import type { AdviceRecord } from "../../src/domain/advice.ts"
import { makeMetrics } from "../../src/observe/metrics.ts"
import { prometheusText } from "../../src/observe/prometheus-text.ts"
import { type HsmStatus, watchHsm, watchStations } from "../../src/observe/station-gauges.ts"
import { goodJournal, goodUpstream } from "../admin/faces.ts"

const certificate = (use: Certificate["use"], endsMs: number): Certificate => ({
  path: "listeners[0].tls",
  name: "tls-terminals",
  use,
  subject: "CN=switch.example",
  endsMs
})

it("shows upstreams, journal, advices, sessions and the configuration", () => {
  const metrics = makeMetrics()
  const updates: Array<() => void> = []
  let pending: Array<AdviceRecord> = []
  let defects = 2
  const chain = (createdMs: number, state: AdviceRecord["state"] = "pending") =>
    ({ upstream: "acquirer", createdMs, state }) as AdviceRecord
  watchStations({ metrics, onScrape: (update) => void updates.push(update) }, {
    journal: () => ({ ...goodJournal, feedPending: 4, oldestFeedMs: 1500 }),
    upstreams: () => [goodUpstream],
    advices: () => pending,
    sessions: () => ({ proven: 7 }),
    actors: () => new Map([["terminals", { defects }], ["upstream-link", { defects: 0 }]]),
    configVersion: () => 3,
    certificates: () => [
      certificate("own", 90_000),
      certificate("authority", 70_000),
      certificate("authority", 50_000),
      certificate("authority", 60_000)
    ],
    wallMs: () => 10_000
  })
  const scrape = () => {
    for (const update of updates) update()
    return prometheusText(metrics)
  }
  pending = [chain(9000), chain(4000), chain(1000, "acknowledged")]
  const text = scrape()
  expect(text).toContain("pointsman_upstream_up{upstream=\"acquirer\",link=\"0\"} 1\n")
  expect(text).toContain("pointsman_upstream_inflight{upstream=\"acquirer\"} 3\n")
  expect(text).toContain("pointsman_journal_lag_records 4\n")
  expect(text).toContain("pointsman_journal_bytes 1000\n")
  expect(text).toContain("pointsman_journal_max_bytes 1000000\n")
  expect(text).toContain("pointsman_defects_total{actor=\"terminals\"} 2\n")
  expect(text).toContain("pointsman_defects_total{actor=\"upstream-link\"} 0\n")
  expect(text).toContain("pointsman_store_watermark_lag_seconds 1.5\n")
  expect(text).toContain("pointsman_journal_sync_seconds{quantile=\"0.99\"} 0.002\n")
  expect(text).toContain("pointsman_advices_pending{upstream=\"acquirer\"} 2\n")
  expect(text).toContain("pointsman_advice_age_seconds{upstream=\"acquirer\"} 6\n")
  expect(text).toContain("pointsman_sessions{state=\"signed_on\"} 7\n")
  expect(text).toContain("pointsman_config_version 3\n")
  const expiry = "pointsman_certificate_expiry_seconds{name=\"tls-terminals\",use="
  expect(text).toContain(`${expiry}"own"} 80\n`)
  expect(text).toContain(`${expiry}"authority"} 40\n`)
  pending = []
  defects = 3
  const later = scrape()
  expect(later).toContain("pointsman_advices_pending{upstream=\"acquirer\"} 0\n")
  expect(later).toContain("pointsman_defects_total{actor=\"terminals\"} 3\n")
})

it("forgets an upstream that a reload removed, and shows breakers that never moved", () => {
  const metrics = makeMetrics()
  const updates: Array<() => void> = []
  let upstreams = [goodUpstream, { ...goodUpstream, name: "retired", breaker: "open" as const }]
  let pending = [{ upstream: "retired", createdMs: 1000, state: "pending" } as AdviceRecord]
  watchStations({ metrics, onScrape: (update) => void updates.push(update) }, {
    journal: () => goodJournal,
    upstreams: () => upstreams,
    advices: () => pending,
    sessions: () => ({}),
    actors: () => new Map(),
    configVersion: () => 1,
    certificates: () => [],
    wallMs: () => 10_000
  })
  const scrape = () => {
    for (const update of updates) update()
    return prometheusText(metrics)
  }
  const before = scrape()
  expect(before).toContain("pointsman_breaker_state{upstream=\"acquirer\"} 0\n")
  expect(before).toContain("pointsman_breaker_state{upstream=\"retired\"} 2\n")
  upstreams = [goodUpstream]
  // Its chain outlives it.
  expect(scrape()).toContain("pointsman_advices_pending{upstream=\"retired\"} 1\n")
  pending = []
  expect(scrape()).not.toContain("retired")
})

it("shows how the security module does, and counts on from scrape to scrape", () => {
  const metrics = makeMetrics()
  const updates: Array<() => void> = []
  const failures = {
    "no-link": 0,
    "queue-full": 2,
    "breaker-open": 0,
    "timed-out": 3,
    "link-lost": 0,
    misfit: 0,
    failed: 0
  }
  let status: HsmStatus = {
    links: 4,
    outstanding: 5,
    queued: 6,
    sent: 100,
    failures,
    breaker: "half-open",
    queueCapacity: 1000
  }
  watchHsm({ metrics, onScrape: (update) => void updates.push(update) })(() => status)
  const scrape = () => {
    for (const update of updates) update()
    return prometheusText(metrics)
  }
  const text = scrape()
  expect(text).toContain("pointsman_hsm_links 4\n")
  expect(text).toContain("pointsman_hsm_inflight 5\n")
  expect(text).toContain("pointsman_hsm_breaker_state 1\n")
  expect(text).toContain("pointsman_queue_depth{queue=\"hsm\"} 6\n")
  expect(text).toContain("pointsman_queue_capacity{queue=\"hsm\"} 1000\n")
  expect(text).toContain("pointsman_hsm_failures_total{reason=\"queue-full\"} 2\n")
  status = { ...status, sent: 107, failures: { ...failures, "timed-out": 4 } }
  scrape()
  const later = scrape()
  expect(later).toContain("pointsman_hsm_commands_total 107\n")
  expect(later).toContain("pointsman_hsm_failures_total{reason=\"timed-out\"} 4\n")
})
