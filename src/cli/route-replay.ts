/**
 * `pointsman route replay`: recorded transactions under a configuration that is not in force yet,
 * and who of them would go elsewhere.
 */

import type { MerchantId, TerminalId, TransactionId } from "../domain/brand.ts"
import { makeLocalClock } from "../domain/business-day.ts"
import { followOnKinds, managementKinds } from "../domain/kind.ts"
import { maskedJson } from "../domain/masked-json.ts"
import type { RouteFacts } from "../domain/ports/router.ts"
import { type RecordedRouting, Replay, type Replayed } from "../route/replay.ts"
import { checkedRoutes } from "./checked-routes.ts"
import { configPath, loadedConfig } from "./configuration.ts"
import { eachRecorded, type Groups, type RecordedTransaction } from "./recorded-transactions.ts"
import { writeRows } from "./table.ts"
import { type Action, type Call, configFlag, type ExitCode } from "./verb.ts"

export const replayAction: Action = {
  about: "Decides recorded transactions again under --config, before it is applied, and says who " +
    "would go elsewhere. They come from the PostgreSQL that it names, by business day, or from a " +
    "file. Of a card the first six digits are recorded: what hangs on more is counted as " +
    "undecided. Groups are those that terminals have now.",
  parameters: [
    { name: "from", about: "first business day, YYYY-MM-DD", presence: "optional" },
    { name: "to", about: "last business day; absent: the first", presence: "optional" }
  ],
  flags: {
    config: { ...configFlag, about: "the configuration to try" },
    file: {
      type: "text",
      value: "<file>",
      about: "JSON lines of `journal export` or `retain`, gzipped or not, instead of days"
    },
    was: {
      type: "text",
      value: "<file>",
      about: "the configuration before, instead of what is recorded: leaves fail-overs out"
    },
    "expect-same": { type: "yes", about: "exit code 1 when anybody goes elsewhere" }
  },
  examples: [
    ["route replay 2026-01-31 --config next.yaml", "who would go elsewhere?"],
    ["route replay --file t.jsonl --was now.yaml --config next.yaml", "by the two files alone"]
  ],
  run: replay
}

async function replay(call: Call): Promise<ExitCode> {
  const loaded = await loadedConfig(call)
  const replayed = new Replay(
    checkedRoutes(configPath(call), loaded.config),
    await tableBefore(call)
  )
  const local = makeLocalClock(loaded.config.timeZone)
  let notRouted = 0
  await eachRecorded(call, loaded, (recorded, groups) => {
    if (isRouted(recorded)) replayed.take(routingOf(recorded, groups, local.at))
    else notRouted++
  })
  const result = replayed.result()
  if (call.format === "json") {
    call.streams.raw(`${maskedJson({ ...result, notRouted }, 2)}\n`)
  } else tell(call, result, notRouted)
  return call.yes("expect-same") && result.elsewhere > 0 ? 1 : 0
}

async function tableBefore(call: Call) {
  const path = call.text("was")
  if (path === undefined) return undefined
  const named: Call = {
    ...call,
    text: (flag) => flag === "config" ? path : call.text(flag)
  }
  return checkedRoutes(path, (await loadedConfig(named)).config)
}

const unrouted: ReadonlySet<string> = new Set([...followOnKinds, ...managementKinds])

/** Follow-ons go where their original went, and what was paid at a code went where it was made. */
function isRouted({ failure, kind, route }: RecordedTransaction): boolean {
  return !unrouted.has(kind) && (route !== undefined || failure === "no-route")
}

function routingOf(
  recorded: RecordedTransaction,
  groups: Groups,
  at: (wallMs: number) => { readonly minuteOfDay: number }
): RecordedRouting {
  const { amount, channel, currency, id, panMask, receivedMs, route, terminal, upstream } = recorded
  const facts = {
    id: id as TransactionId,
    kind: recorded.kind as RouteFacts["kind"],
    channel: channel as RouteFacts["channel"],
    scheme: recorded.scheme as RouteFacts["scheme"],
    terminal: terminal as TerminalId,
    merchant: recorded.merchant as MerchantId,
    minuteOfDay: at(receivedMs).minuteOfDay,
    ...(amount === undefined ? {} : { amount }),
    ...(currency === undefined ? {} : { currency })
  }
  // A customer's pay code is routed by, and never at rest.
  const known = channel === "qr-customer" ? "" : panMask && /^\d*/.exec(panMask)![0]
  return { id, facts, known, group: groups.get(terminal.trimEnd()), was: { route, upstream } }
}

function tell(call: Call, result: Replayed, notRouted: number): void {
  const { elsewhere, laterCandidate, moves, same, undecided } = result
  const { say } = call.streams
  say(`${same} as before, ${elsewhere} elsewhere`)
  if (undecided.digits > 0) {
    say(`${undecided.digits} undecided: a rule needs more digits of the card than are recorded`)
  }
  if (undecided.terminal > 0) {
    say(`${undecided.terminal} undecided: a rule asks for the group of a terminal nobody knows`)
  }
  if (notRouted > 0) say(`${notRouted} left out: no route decides about them`)
  if (laterCandidate > 0 && call.text("was") === undefined) {
    say(
      `${laterCandidate} of those elsewhere keep their route, and a later candidate took them: ` +
        "--was tells new shares and orders from fail-overs"
    )
  }
  if (moves.length === 0) return
  writeRows(
    call,
    moves.map(({ count, examples, from, to }) => ({
      from: `${from.route ?? "no-route"} ${from.upstream ?? "-"}`,
      to: `${to.route ?? "no-route"} ${to.upstream ?? "-"}`,
      count,
      examples
    })),
    [["from", "from"], ["to", "to"], ["count", "count"], ["examples", "examples"]]
  )
}
