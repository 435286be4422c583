/**
 * A deliberate bug: a patch whose first line says what is wrong and where the worlds must find it.
 *
 *     # what is wrong; found within 20 seeds
 *     # what is wrong; found within 20 seeds with --fail-over
 *     # what is wrong; found by scenario P1
 */

import { readdirSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"

export interface Bug {
  readonly name: string
  readonly title: string
  /** Seeds from 1 on; none where a story shows it. */
  readonly seeds: number
  /** The story that shows it: what takes a moment that storms seldom hit. */
  readonly scenario: string | undefined
  /** Of `simulate`, for kinds of fault that are not in every world. */
  readonly flags: ReadonlyArray<string>
  readonly patch: string
  readonly text: string
}

const firstLine =
  /^# (.+); found (?:within (\d+) seeds(?: with ((?:--[a-z-]+ ?)+))?|by scenario ([A-Z]\d+))$/

function readBug(name: string, text: string, patch: string): Bug {
  const parts = firstLine.exec(text.split("\n", 1)[0]!)
  if (parts === null) throw new Error(`${name}: the first line names no bug and no seeds`)
  const flags = parts[3]?.split(" ") ?? []
  const [, title = "", seeds = "0", , scenario] = parts
  return { name, title, seeds: Number(seeds), scenario, flags, patch, text }
}

export function readBugs(): ReadonlyArray<Bug> {
  const folder = import.meta.dirname
  return readdirSync(folder).filter((file) => file.endsWith(".patch")).sort().map((file) =>
    readBug(basename(file, ".patch"), readFileSync(join(folder, file), "utf8"), join(folder, file))
  )
}
