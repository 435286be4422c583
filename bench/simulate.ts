/**
 * The seeded world's own speed: a calm one against real time, and stormy ones in transactions a
 * second. `npm run bench -- simulate [--marks] [--quick]`
 */

import { worldRunner } from "../src/cli/world-maker.ts"
import { calmPlan, drawPlan } from "../src/simulate/world/plan.ts"

const marksOnly = process.argv.includes("--marks")
const quick = process.argv.includes("--quick")

/** A calm second is this many at least. */
const calmTarget = 100
const calmTransactions = 1000
const storms = quick ? 3 : 10
const stormTransactions = quick ? 200 : 1000

const run = await worldRunner()

/** Processor seconds, which a busy machine does not stretch. */
function timed<A>(work: () => A): { readonly value: A; readonly seconds: number } {
  const before = process.cpuUsage()
  const value = work()
  const { system, user } = process.cpuUsage(before)
  return { value, seconds: (user + system) / 1e6 }
}

function mark(name: string, measured: number, target: number | undefined): void {
  const met = target === undefined ? "" : measured >= target ? " met" : " missed"
  const wanted = target === undefined ? "" : ` target=${target}`
  process.stdout.write(`mark simulate.${name} measured=${Math.round(measured)}${wanted}${met}\n`)
}

function say(line: string): void {
  if (!marksOnly) process.stdout.write(`${line}\n`)
}

// A campaign runs thousands of worlds in one thread: the first pays for what is compiled meanwhile.
run({ ...calmPlan, questions: quick ? 20 : calmTransactions / 8 })
const calm = timed(() => run({ ...calmPlan, questions: calmTransactions / 8 }))
const calmRatio = calm.value.virtualMs / 1000 / calm.seconds
say(`calm    ${calm.value.transactions} transactions in ${calm.seconds.toFixed(2)} s`)

let transactions = 0
let virtualMs = 0
const stormy = timed(() => {
  for (let seed = 1; seed <= storms; seed++) {
    const result = run(drawPlan(seed, { transactions: stormTransactions }))
    transactions += result.transactions
    virtualMs += result.virtualMs
  }
})
say(`storms  ${transactions} transactions of ${storms} seeds in ${stormy.seconds.toFixed(2)} s`)

mark("calm-x-real-time", calmRatio, calmTarget)
mark("calm-transactions-per-second", calm.value.transactions / calm.seconds, 1000)
mark("storm-x-real-time", virtualMs / 1000 / stormy.seconds, undefined)
mark("storm-transactions-per-second", transactions / stormy.seconds, undefined)
process.exitCode = calmRatio >= calmTarget ? 0 : 1
