/** `pointsman encode`: a message from its type and its values, as JSON. */

import { existsSync } from "node:fs"
import { encodeDocument } from "../iso8583/document.ts"
import { dialectOf, framingOf } from "./dialect-files.ts"
import { readGiven } from "./given-file.ts"
import { type Call, dialectFlag, type ExitCode, Refusal, type Verb } from "./verb.ts"

async function documentOf(call: Call): Promise<unknown> {
  const word = call.parameters[0]
  const text = word === undefined || word === "-"
    ? (await call.streams.input()).toString()
    : existsSync(word)
    ? readGiven(word).toString()
    : word
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal(2, "expected JSON: {\"mti\": \"0800\", \"fields\": {\"11\": \"000001\"}}")
  }
}

export const verb: Verb = {
  about:
    "Makes a message from its type and values by field path: text, or {\"hex\": …} for bytes. " +
    "What is written is exactly what the caller gives, so use test numbers.",
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
    const body = encodeDocument(dialectOf(call.text("dialect")!), await documentOf(call))
    if (!(body instanceof Uint8Array)) throw new Refusal(1, `${body.path}: ${body.problem}`)
    const name = call.text("framing")
    const framing = name === undefined ? undefined : framingOf(name)
    const bytes = framing === undefined ? body : framing.encode(framing.requestHeader(), body)
    if (bytes === undefined) throw new Refusal(1, `${name} cannot carry ${body.length} bytes`)
    const form = call.text("to")
    if (call.format === "json") {
      const message = form === "base64"
        ? { base64: bytes.toString("base64") }
        : { hex: bytes.toString("hex").toUpperCase() }
      call.streams.raw(`${JSON.stringify({ bytes: bytes.length, ...message })}\n`)
      return 0
    }
    if (form === "binary") call.streams.raw(bytes)
    else if (form === "base64") call.streams.raw(`${bytes.toString("base64")}\n`)
    else call.streams.raw(`${bytes.toString("hex").toUpperCase()}\n`)
    return 0
  }
}
