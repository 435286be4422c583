/** What the stations' meters count, and which transactions get a story line. */

import { describe, expect, it } from "vitest"
import type { LaneMeter } from "../../src/advice/lane.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { makeMetrics } from "../../src/observe/metrics.ts"
import { prometheusText } from "../../src/observe/prometheus-text.ts"
import { adviceMeter, transactionMeter } from "../../src/observe/transaction-meters.ts"
import type { TransactionMeter } from "../../src/transaction/room.ts"
import { writtenLines } from "./written-lines.ts"

function rig(stories: "all" | "failures" = "failures") {
  const metrics = makeMetrics()
  const { lines, written } = writtenLines()
  // The types say that the structural meters fit the stations that never heard of them.
  const transactions: TransactionMeter = transactionMeter(metrics, lines, stories)
  const advices: LaneMeter = adviceMeter(metrics, lines)
  return { advices, metrics, transactions, written }
}

const record = (change: Partial<TransactionRecord>): TransactionRecord => ({
  id: "01890a5d-ac96-774b-bcce-b302099a8057",
  state: "answered",
  kind: "sale",
  channel: "chip",
  route: "cards",
  upstream: "acquirer",
  terminal: "65465423",
  merchant: "898310058121001",
  stan: "000010",
  panMask: "622202******1234",
  sealed: new Uint8Array(16),
  ownMs: 1.5,
  upstreamMs: 20,
  ...change
} as TransactionRecord)

describe("the transaction meter", () => {
  it("counts each transaction once by how it ended for its terminal", () => {
    const { metrics, transactions } = rig()
    transactions.ended(record({ approved: true }))
    transactions.ended(record({ approved: false, response: "51" }))
    transactions.ended(record({ approved: false, state: "refused", failure: "no-route" }))
    const late = { approved: false, failure: "upstream-timeout" } as const
    transactions.ended(record({ ...late, state: "reversing" }))
    transactions.ended(record({ ...late, state: "reversed" }))
    const counted = [...metrics.transactions_total.series()].map(([labels, { value }]) =>
      `${labels.join(" ")} ${value}`
    )
    expect(counted).toEqual([
      "sale chip cards approved 1",
      "sale chip cards declined 1",
      "sale chip cards refused 1",
      "sale chip cards timed_out 1"
    ])
    expect(metrics.transaction_seconds.of("sale", "cards").count).toBe(4)
    expect(metrics.own_seconds.of("whole").sum).toBeCloseTo(0.006)
  })

  it("tells the story of what failed, and of approvals only when asked", () => {
    const { transactions, written } = rig()
    transactions.ended(record({ approved: true }))
    expect(written).toEqual([])
    transactions.ended(record({ approved: false, state: "reversing", failure: "link-lost" }))
    const story = JSON.parse(written[0]!) as Record<string, unknown>
    expect(story).toMatchObject({ event: "transaction", level: "warn", outcome: "timed_out" })
    expect(story).toMatchObject({ card: "622202******1234", ownMs: 1.5, upstreamMs: 20 })
    expect(written[0]).not.toContain("sealed")
    const asked = rig("all")
    asked.transactions.ended(record({ approved: true }))
    expect(asked.written).toHaveLength(1)
  })

  it("counts refusals by name, repeats and exceptions", () => {
    const { metrics, transactions } = rig()
    transactions.turnedAway("overloaded")
    transactions.turnedAway("duplicate-conflict")
    transactions.duplicate("joined")
    transactions.exception("late-approval")
    transactions.sought("found")
    transactions.late("acquirer", true)
    const text = prometheusText(metrics)
    expect(text).toContain("pointsman_message_rejects_total{reason=\"duplicate-conflict\"} 1")
    expect(text).toContain("pointsman_shed_total{reason=\"overloaded\"} 1")
    expect(text).toContain("pointsman_duplicates_total{kind=\"joined\"} 1")
    expect(text).toContain("pointsman_exceptions_total{reason=\"late-approval\"} 1")
    expect(text).toContain("pointsman_originals_sought_total{result=\"found\"} 1")
  })
})

describe("the advice meter", () => {
  it("counts sends, repeats and ends by upstream", () => {
    const { advices, metrics } = rig()
    advices.sent("acquirer", false)
    advices.sent("acquirer", true)
    advices.ended("acquirer", "acknowledged")
    const counted = [...metrics.advices_total.series()].map(([labels]) => labels.join(" "))
    expect(counted).toEqual(["acquirer sent", "acquirer repeated", "acquirer acknowledged"])
  })
})
