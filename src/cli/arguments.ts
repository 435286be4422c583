/**
 * Words of a command line to the flags and parameters of a verb. What must hold: nothing is
 * guessed; a flag that the verb lacks, a value that is missing or one too many is refused with what
 * to write instead.
 */

import { suggestion } from "../config/suggest.ts"
import { type Action, type Flag, Refusal } from "./verb.ts"

/** Flags that every verb has. */
export const everywhere: Readonly<Record<string, Flag>> = {
  format: {
    type: "text",
    value: "<form>",
    about: "text for people, json for programs",
    choices: ["text", "json"],
    fallback: "text"
  },
  help: { type: "yes", about: "what this does and how to call it" }
}

export interface Parsed {
  readonly parameters: ReadonlyArray<string>
  readonly values: ReadonlyMap<string, string | number | boolean>
}

/** Throws a {@link Refusal} with exit code 2. */
export function parseArguments(action: Action, words: ReadonlyArray<string>): Parsed {
  const flags = { ...everywhere, ...action.flags }
  const parameters: Array<string> = []
  const values = new Map<string, string | number | boolean>()
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (word === "--") {
      parameters.push(...words.slice(at + 1))
      break
    }
    if (word === "-h") values.set("help", true)
    else if (!word.startsWith("--")) {
      if (word.startsWith("-") && word !== "-") {
        throw new Refusal(2, `${word}: flags are long: --help`)
      }
      parameters.push(word)
    } else {
      const [name, given] = split(word.slice(2))
      const flag = Object.hasOwn(flags, name) ? flags[name] : undefined
      if (flag === undefined) {
        const near = suggestion(name, Object.keys(flags)).replace("mean ", "mean --")
        throw new Refusal(2, `--${name}: no such flag.${near}`)
      }
      const taken = flag.type === "yes" ? given : given ?? words[++at]
      values.set(name, valueOf(name, flag, taken))
    }
  }
  if (values.get("help") !== true) checkParameters(action, parameters)
  for (const [name, { fallback }] of Object.entries(flags)) {
    if (fallback !== undefined && !values.has(name)) values.set(name, fallback)
  }
  return { parameters, values }
}

function split(word: string): readonly [name: string, value: string | undefined] {
  const equals = word.indexOf("=")
  return equals === -1 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)]
}

function valueOf(name: string, flag: Flag, given: string | undefined): string | number | boolean {
  if (flag.type === "yes") {
    if (given !== undefined) throw new Refusal(2, `--${name} takes no value`)
    return true
  }
  if (given === undefined) throw new Refusal(2, `--${name} needs a value: ${flag.about}`)
  if (flag.choices !== undefined && !flag.choices.includes(given)) {
    throw new Refusal(2, `--${name} ${given}: use one of ${flag.choices.join(", ")}`)
  }
  if (flag.type === "text") return given
  const isPercent = flag.type === "share" && given.endsWith("%")
  const digits = isPercent ? given.slice(0, -1) : given
  const number = Number(digits) / (isPercent ? 100 : 1)
  if (digits.trim() === "" || !Number.isFinite(number) || number < 0) {
    const words = flag.type === "share" ? "a share, as 0.05 or 5%" : "a number"
    throw new Refusal(2, `--${name} ${given}: expected ${words}`)
  }
  return number
}

function checkParameters(action: Action, given: ReadonlyArray<string>): void {
  const needed = action.parameters.filter(({ presence }) => presence === "one")
  const missing = needed[given.length]
  if (missing !== undefined) {
    throw new Refusal(2, `<${missing.name}> is missing: ${missing.about}`)
  }
  const most = action.parameters.some(({ presence }) => presence === "many")
    ? Infinity
    : action.parameters.length
  if (given.length > most) {
    throw new Refusal(2, `${given[most]}: one word too many; see --help`)
  }
}
