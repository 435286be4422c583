/**
 * `pointsman import`: a jPOS packager or a moov specification as one of our dialects. What must
 * hold: nothing is dropped silently, and what is written loads.
 */

import { Effect } from "effect"
import { existsSync } from "node:fs"
import { basename } from "node:path"
import { stringify } from "yaml"
import { compileDialect } from "../iso8583/compile.ts"
import { importJpos } from "../iso8583/import-jpos.ts"
import { importMoov } from "../iso8583/import-moov.ts"
import type { Imported } from "../iso8583/imported.ts"
import { readGiven, writeGiven } from "./given-file.ts"
import { type Call, type ExitCode, Refusal, type Verb } from "./verb.ts"

async function textOf(call: Call, word: string | undefined): Promise<string> {
  const fromInput = word === undefined || word === "-"
  return (fromInput ? await call.streams.input() : readGiven(word)).toString()
}

function imported(text: string, form: string, name: string): Imported {
  if (form === "jpos" || form === "guess" && text.trimStart().startsWith("<")) {
    const read = Effect.runSync(Effect.result(importJpos(text, name)))
    if (read._tag === "Success") return read.success
    throw new Refusal(1, `not XML: ${read.failure.message}`)
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new Refusal(1, `neither XML nor JSON: ${(error as Error).message}`)
  }
  return importMoov(json, name)
}

export const verb: Verb = {
  about: "Reads a jPOS GenericPackager (XML) or a moov specification (JSON) and writes our " +
    "dialect, as YAML. What could not be carried over, and what had to be assumed, is listed on " +
    "standard error. Exit code 1: there is no field in it that could be used.",
  parameters: [{
    name: "specification",
    about: "a file, or - for standard input",
    presence: "optional"
  }],
  flags: {
    from: {
      type: "text",
      value: "<form>",
      about: "what the input is",
      choices: ["guess", "jpos", "moov"],
      fallback: "guess"
    },
    name: { type: "text", value: "<name>", about: "of the dialect; absent: that of the file" },
    out: { type: "text", value: "<file>", about: "file to write; absent: standard output" }
  },
  examples: [
    ["import packager.xml --out config/dialects/acquirer.yaml", "come as you are"],
    ["import - --name acquirer < spec.json", "as part of a pipe"]
  ],
  run: async (call): Promise<ExitCode> => {
    const [word] = call.parameters
    const file = word === undefined || word === "-" ? "imported" : basename(word)
    const name = call.text("name") ?? file.replace(/\.[^.]*$/, "")
    const out = call.text("out")
    if (out !== undefined && existsSync(out)) throw new Refusal(2, `${out} is there already`)
    const { notes, source } = imported(await textOf(call, word), call.text("from")!, name)
    for (const { path, problem } of notes) call.streams.say(`${path || "file"}: ${problem}`)
    const dialect = compileDialect(source, 1)
    if (Array.isArray(dialect)) {
      for (const { path, problem } of dialect) call.streams.say(`${path}: ${problem}`)
      throw new Refusal(1, "the dialect would be refused: nothing is written")
    }
    const yaml = stringify(source)
    if (out === undefined) call.streams.raw(yaml)
    else writeGiven(out, yaml)
    return 0
  }
}
