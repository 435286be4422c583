/**
 * Bytes of a message as people have them: hex, base64 or binary; as a word, a file or standard
 * input. What must hold: what the bytes are taken for is said when it was a guess.
 */

import { existsSync, readFileSync, statSync } from "node:fs"
import { maxFileBytes } from "../config/limits.ts"
import { type Call, type Flag, type Parameter, Refusal } from "./verb.ts"

export const messageParameter: Parameter = {
  name: "message",
  about: "hex, base64, a file, or - for standard input",
  presence: "optional"
}

export const asFlag: Flag = {
  type: "text",
  value: "<form>",
  about: "what the input is",
  choices: ["guess", "hex", "base64", "binary"],
  fallback: "guess"
}

/** The bytes of one word: a file of that name, `-`, or the message itself. */
export async function messageBytes(call: Call, word: string | undefined): Promise<Buffer> {
  const form = call.text("as") ?? "guess"
  if (word === undefined || word === "-") return bytesOf(await call.streams.input(), form)
  if (existsSync(word)) {
    const { size } = statSync(word)
    if (size > maxFileBytes) throw new Refusal(2, `${word}: above 64 MiB: split it`)
    return bytesOf(readFileSync(word), form)
  }
  return bytesOf(Buffer.from(word, "latin1"), form)
}

function bytesOf(given: Buffer, form: string): Buffer {
  if (given.length === 0) throw new Refusal(2, "nothing to read: give a message, a file, or - ")
  if (form === "binary") return given
  const text = given.toString("latin1").replace(/\s|^0x/gi, "")
  const isHex = /^(?:[0-9A-Fa-f]{2})+$/.test(text)
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)
  if (form === "hex" || form === "guess" && isHex) {
    if (isHex) return Buffer.from(text, "hex")
    throw new Refusal(2, oddHex(text))
  }
  if (form === "base64" || form === "guess" && isBase64 && text.length >= 8) {
    if (isBase64) return Buffer.from(text, "base64")
    throw new Refusal(2, "not base64: check that the whole text was copied")
  }
  // A file or a pipe may hold the bytes themselves; a word that is neither is a slip.
  if (/[^\x20-\x7E\s]/.test(given.toString("latin1"))) return given
  throw new Refusal(2, `${oddHex(text)} (neither base64, nor a file's name)`)
}

function oddHex(text: string): string {
  const wrong = /[^0-9A-Fa-f]/.exec(text)
  return wrong === null
    ? `${text.length} hex digits: one is missing or one too many`
    : `not hex: ${wrong[0]} at ${wrong.index}`
}
