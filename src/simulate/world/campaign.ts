/**
 * Many worlds and their sum: what was simulated, what went wrong in them, what was found. What must
 * hold: the sum of a campaign does not depend on the order in which its worlds came in.
 */

import type { Violation } from "../audit.ts"
import type { WorldResult } from "./world.ts"

interface Finding {
  readonly seed: number
  readonly violations: ReadonlyArray<Violation>
}

export interface CampaignSum {
  worlds: number
  transactions: number
  approved: number
  reversed: number
  events: number
  virtualMs: number
  readonly faults: Record<string, number>
  readonly rare: Record<string, number>
  readonly findings: Array<Finding>
}

/** Findings that are kept whole; more are only counted in `worlds`. */
const keptFindings = 50

export function emptySum(): CampaignSum {
  return {
    worlds: 0,
    transactions: 0,
    approved: 0,
    reversed: 0,
    events: 0,
    virtualMs: 0,
    faults: {},
    rare: {},
    findings: []
  }
}

export function addResult(sum: CampaignSum, result: WorldResult): void {
  sum.worlds++
  sum.transactions += result.transactions
  sum.approved += result.approved
  sum.reversed += result.reversed
  sum.events += result.events
  sum.virtualMs += result.virtualMs
  addCounts(sum.faults, result.faults)
  addCounts(sum.rare, Object.fromEntries(result.rare))
  if (result.violations.length > 0 && sum.findings.length < keptFindings) {
    sum.findings.push({ seed: result.seed, violations: result.violations })
  }
}

export function faultTotal({ faults }: CampaignSum): number {
  return Object.values(faults).reduce((total, count) => total + count, 0)
}

function addCounts(into: Record<string, number>, from: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(from)) into[name] = (into[name] ?? 0) + count
}

/** The story of a finding, for people: what is wrong, who saw what, how to see it again. */
export function findingLines(finding: Finding, command: string): ReadonlyArray<string> {
  const lines = [`seed ${finding.seed}: ${finding.violations.length} violations`]
  for (const { kind, story, what } of finding.violations.slice(0, 5)) {
    lines.push(`  ${kind}: ${what}`, ...story.map((line) => `    ${line}`))
  }
  lines.push(`  again: ${command}`)
  return lines
}

/** The sum, for people. */
export function sumLines(sum: CampaignSum, seconds: number): ReadonlyArray<string> {
  const faults = Object.entries(sum.faults).filter(([, count]) => count > 0)
    .toSorted(([, a], [, b]) => b - a)
  const rare = Object.entries(sum.rare)
  return [
    `worlds        ${sum.worlds}`,
    `transactions  ${sum.transactions} (${sum.approved} approved, ${sum.reversed} reversed)`,
    `faults        ${faultTotal(sum)}`,
    ...faults.map(([name, count]) => `  ${name.padEnd(18)}${count}`),
    ...(rare.length === 0 ? [] : [
      "rare branches visited",
      ...rare.map(([name, count]) => `  ${name.padEnd(18)}${count}`)
    ]),
    `virtual time  ${(sum.virtualMs / 3_600_000).toFixed(1)} h in ${seconds.toFixed(1)} s ` +
    `(${Math.round(sum.virtualMs / 1000 / seconds)} × real time)`,
    `violations    ${sum.findings.length === 0 ? 0 : `in ${sum.findings.length} worlds`}`
  ]
}
