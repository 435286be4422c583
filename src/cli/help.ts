/** Help as text: of the program, of a verb, of an action. Pure. */

import { everywhere } from "./arguments.ts"
import type { Action, Flag, Verb } from "./verb.ts"
import { type VerbEntry, verbGroups, verbs } from "./verbs.ts"

export function programHelp(): string {
  const width = Math.max(...Object.keys(verbs).map((name) => name.length)) + 2
  const lines = ["pointsman <verb> [words] [--flags]", ""]
  for (const [group, title] of Object.entries(verbGroups)) {
    const members = (Object.entries(verbs) as Array<[string, VerbEntry]>).filter(
      ([, entry]) => entry.group === group
    )
    if (members.length === 0) continue
    lines.push(title)
    for (const [name, { summary }] of members) lines.push(`  ${name.padEnd(width)}${summary}`)
    lines.push("")
  }
  lines.push(
    "pointsman <verb> --help tells more; pointsman --version says what this is.",
    "Data goes to standard output, talk to standard error.",
    "Exit code: 0 fine, 1 a check failed, 2 wrong usage, 3 the environment.",
    ""
  )
  return lines.join("\n")
}

export function verbHelp(name: string, verb: Verb): string {
  if (!("actions" in verb)) return actionHelp(name, verb)
  const lines = [verb.about, ""]
  for (const [action, { about, parameters }] of Object.entries(verb.actions)) {
    const words = [name, action, ...parameters.map(parameterWord)].join(" ")
    lines.push(`  pointsman ${words}`, `      ${about}`)
  }
  lines.push("", `pointsman ${name} <action> --help tells more.`, "")
  return lines.join("\n")
}

export function actionHelp(name: string, action: Action): string {
  const { about, examples, flags, parameters } = action
  const usage = ["pointsman", name, ...parameters.map(parameterWord), "[--flags]"].join(" ")
  const lines = [usage, "", about, ""]
  if (parameters.length > 0) {
    lines.push(...aligned(parameters.map((each) => [`<${each.name}>`, each.about])), "")
  }
  const all = Object.entries({ ...flags, ...everywhere })
  lines.push(...aligned(all.map(([flag, spec]) => [flagWord(flag, spec), flagAbout(spec)])), "")
  for (const [line, what] of examples) lines.push(`  pointsman ${line}`, `      ${what}`)
  if (examples.length > 0) lines.push("")
  return lines.join("\n")
}

function parameterWord({ name, presence }: Action["parameters"][number]): string {
  return presence === "one" ? `<${name}>` : presence === "many" ? `<${name}>...` : `[<${name}>]`
}

function flagWord(name: string, { value }: Flag): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`
}

function flagAbout({ about, choices, fallback }: Flag): string {
  const words = choices === undefined ? about : `${about}: ${choices.join(", ")}`
  return fallback === undefined ? words : `${words} (${fallback})`
}

function aligned(rows: ReadonlyArray<readonly [string, string]>): Array<string> {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`)
}
