/**
 * One command line from words to exit code: finds the verb, reads its flags, runs it. Every refusal
 * is one line on standard error.
 */

import { suggestion } from "../config/suggest.ts"
import { version } from "../switch/version.ts"
import { parseArguments, type Parsed } from "./arguments.ts"
import { actionHelp, programHelp, verbHelp } from "./help.ts"
import { type Action, type Call, type ExitCode, Refusal, type Streams } from "./verb.ts"
import { verbs } from "./verbs.ts"

export async function runCommandLine(
  words: ReadonlyArray<string>,
  streams: Streams
): Promise<ExitCode> {
  try {
    return await dispatch(words, streams)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    streams.say(`pointsman: ${error.message}`)
    return error.exit
  }
}

async function dispatch(words: ReadonlyArray<string>, streams: Streams): Promise<ExitCode> {
  const [name, ...rest] = words
  if (name === undefined) {
    streams.say(programHelp())
    return 2
  }
  if (name === "--version") {
    streams.out(`${version}\n`)
    return 0
  }
  if (name === "help" && rest.length > 0) return dispatch([...rest, "--help"], streams)
  if (name === "--help" || name === "-h" || name === "help") {
    streams.out(programHelp())
    return 0
  }
  const entry = Object.hasOwn(verbs, name) ? verbs[name] : undefined
  if (entry === undefined) {
    throw new Refusal(2, `${name}: no such verb.${suggestion(name, Object.keys(verbs))} See --help`)
  }
  const { verb } = await entry.load()
  if (!("actions" in verb)) return runAction(name, verb, rest, streams)
  const [actionName, ...words2] = rest
  if (actionName === "--help" || actionName === "-h") {
    streams.out(verbHelp(name, verb))
    return 0
  }
  const known = Object.keys(verb.actions)
  const usual = verb.actions["list"]
  if (usual !== undefined && (actionName === undefined || actionName.startsWith("-"))) {
    return runAction(`${name} list`, usual, rest, streams)
  }
  const action = actionName !== undefined && Object.hasOwn(verb.actions, actionName)
    ? verb.actions[actionName]
    : undefined
  if (actionName === undefined || action === undefined) {
    const problem = actionName === undefined || actionName.startsWith("-")
      ? "say what to do"
      : `${actionName}: no such action.${suggestion(actionName, known)}`
    throw new Refusal(2, `${name}: ${problem} (${known.join(", ")})`)
  }
  return runAction(`${name} ${actionName}`, action, words2, streams)
}

async function runAction(
  name: string,
  action: Action,
  words: ReadonlyArray<string>,
  streams: Streams
): Promise<ExitCode> {
  const parsed = parseArguments(action, words)
  if (parsed.values.get("help") === true) {
    streams.out(actionHelp(name, action))
    return 0
  }
  return await action.run(callOf(parsed, streams))
}

function callOf({ parameters, values }: Parsed, streams: Streams): Call {
  return {
    streams,
    parameters,
    text: (flag) => {
      const value = values.get(flag)
      return value === undefined ? undefined : String(value)
    },
    number: (flag) => {
      const value = values.get(flag)
      return value === undefined ? undefined : Number(value)
    },
    yes: (flag) => values.get(flag) === true,
    format: values.get("format") === "json" ? "json" : "text"
  }
}
