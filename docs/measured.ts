/**
 * The figures of the README that a run measured: read from what the runs kept under
 * `docs/measured`, and written between two marks. What must hold: no figure is written by hand, and
 * what was never run is said to be so.
 *
 *     npx pointsman simulate --seeds 2000 --resume docs/measured/worlds.json
 *     npm run bugs -- --keep
 *     npm run docs
 */

import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { type CampaignSum, faultTotal } from "../src/simulate/world/campaign.ts"

const begin = "<!-- worlds: made by `npm run docs` from docs/measured; changes are overwritten -->"
const end = "<!-- /worlds -->"

/** The README with its measured section made anew; unchanged when it has no such section. */
export function withMeasured(readme: string, root: string): string {
  const from = readme.indexOf(begin)
  const to = readme.indexOf(end)
  if (from < 0 || to < from) return readme
  return [readme.slice(0, from) + begin, "", ...section(root), "", readme.slice(to)].join("\n")
}

function section(root: string): ReadonlyArray<string> {
  const worlds = kept(root, "worlds.json") as { readonly sum: CampaignSum } | undefined
  const bugs = kept(root, "bugs.json") as
    | { readonly caught: number; readonly of: number }
    | undefined
  const deliberate = bugs === undefined
    ? "deliberate bugs: not run"
    : `deliberate bugs caught: ${bugs.caught} of ${bugs.of}`
  if (worlds === undefined) return [`Seeded worlds: not run; ${deliberate}.`]
  const { sum } = worlds
  const number = (value: number) => value.toLocaleString("en-US")
  const faults = Object.entries(sum.faults).filter(([, count]) => count > 0)
    .toSorted(([, left], [, right]) => right - left)
  return [
    `**${number(sum.worlds)} seeds, ${number(sum.transactions)} transactions, ` +
    `${number(faultTotal(sum))} faults, ${
      sum.findings.length === 0 ? "0 violations" : `violations in ${sum.findings.length} worlds`
    }; ${deliberate}.** Faults by kind: ` +
    `${faults.map(([name, count]) => `${name} ${number(count)}`).join(", ")}.`
  ]
}

/** As a run of this repository wrote it. */
function kept(root: string, name: string): unknown {
  const path = join(root, "docs/measured", name)
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined
}
