/** `pointsman encode`: a message from its type and its values, as JSON. */

import { existsSync, readFileSync } from "node:fs"
import type { Values } from "../iso8583/message.ts"
import { dialectOf, framingOf } from "./dialect-files.ts"
import { type Call, dialectFlag, type ExitCode, Refusal, type Verb } from "./verb.ts"

interface Draft {
  readonly mti: string
  readonly fields: Values
}

async function draftOf(call: Call): Promise<Draft> {
  const word = call.parameters[0]
  const text = word === undefined || word === "-"
    ? (await call.streams.input()).toString()
    : existsSync(word)
    ? readFileSync(word, "utf8")
    : word
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Refusal(2, "expected JSON: {\"mti\": \"0800\", \"fields\": {\"11\": \"000001\"}}")
  }
  const { fields, mti } = value as { readonly mti?: unknown; readonly fields?: unknown }
  if (typeof mti !== "string" || !/^\d{4}$/.test(mti)) throw new Refusal(2, "mti: four digits")
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
    throw new Refusal(2, "fields: values by path, as {\"60.1\": \"22\"}")
  }
  for (const [path, each] of Object.entries(fields)) {
    if (typeof each !== "string") throw new Refusal(2, `fields.${path}: expected text`)
  }
  return { mti, fields: fields as Values }
}

export const verb: Verb = {
  about: "Makes a message from its type and values by field path. The values are the caller's; " +
    "what is written is exactly that, so use test numbers.",
  parameters: [{
    name: "json",
    about: "JSON, a file, or - for standard input",
    presence: "optional"
  }],
  flags: {
    dialect: { ...dialectFlag, fallback: "iso87-ascii" },
    framing: { type: "text", value: "<name>", about: "put a frame around it" },
    to: {
      type: "text",
      value: "<form>",
      about: "what to write",
      choices: ["hex", "base64", "binary"],
      fallback: "hex"
    }
  },
  examples: [
    ["encode '{\"mti\":\"0800\",\"fields\":{\"11\":\"000001\",\"70\":\"301\"}}'", "an echo"]
  ],
  run: async (call): Promise<ExitCode> => {
    const { fields, mti } = await draftOf(call)
    const body = dialectOf(call.text("dialect")!).encode(mti, fields)
    if (!(body instanceof Uint8Array)) throw new Refusal(1, `${body.path}: ${body.problem}`)
    const name = call.text("framing")
    const framing = name === undefined ? undefined : framingOf(name)
    const bytes = framing === undefined ? body : framing.encode(framing.requestHeader(), body)
    if (bytes === undefined) throw new Refusal(1, `${name} cannot carry ${body.length} bytes`)
    const form = call.text("to")
    if (form === "binary") call.streams.raw(bytes)
    else if (form === "base64") call.streams.raw(`${bytes.toString("base64")}\n`)
    else call.streams.raw(`${bytes.toString("hex").toUpperCase()}\n`)
    return 0
  }
}
