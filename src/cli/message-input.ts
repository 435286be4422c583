/**
 * Bytes of a message as people have them: hex, base64 or binary; as a word, a file or standard
 * input. What must hold: what the bytes are taken for is said when it was a guess.
 */

import { existsSync, statSync } from "node:fs"
import { maxFileBytes } from "../config/limits.ts"
import { readGiven } from "./given-file.ts"
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

/**
 * What the word may mean, likeliest first: a file of that name, `-`, or the message itself. More
 * than one where digits could be hex or the message as it is.
 */
export async function messageBytes(
  call: Call,
  word: string | undefined
): Promise<ReadonlyArray<Buffer>> {
  const form = call.text("as") ?? "guess"
  if (word === undefined || word === "-") return bytesOf(await call.streams.input(), form)
  if (existsSync(word)) {
    const { size } = statSync(word)
    if (size > maxFileBytes) throw new Refusal(2, `${word}: above 64 MiB: split it`)
    return bytesOf(readGiven(word), form)
  }
  return bytesOf(Buffer.from(word, "latin1"), form)
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function bytesOf(given: Buffer, form: string): ReadonlyArray<Buffer> {
  if (given.length === 0) throw new Refusal(2, "nothing to read: give a message, a file, or - ")
  if (form === "binary") return [given]
  const whole = given.toString("latin1")
  const text = whole.replace(/\s|^0x/gi, "")
  const isHex = /^(?:[0-9A-Fa-f]{2})+$/.test(text)
  const isBase64 = base64.test(text)
  if (form === "hex") {
    if (isHex) return [Buffer.from(text, "hex")]
    throw new Refusal(2, oddHex(text))
  }
  if (form === "base64") {
    if (isBase64) return [Buffer.from(text, "base64")]
    throw new Refusal(2, "not base64: check that the whole text was copied")
  }
  const meant: Array<Buffer> = []
  if (isHex) meant.push(Buffer.from(text, "hex"))
  else if (isBase64 && text.length >= 8) meant.push(Buffer.from(text, "base64"))
  // The bytes themselves: what no text holds, or a message type and a bitmap in characters.
  if (/[^\x20-\x7E\s]/.test(whole)) meant.push(given)
  else if (/^[0-9]{4}[0-9A-F]{16}/.test(whole)) {
    meant.push(Buffer.from(whole.replace(/\r?\n$/, ""), "latin1"))
  }
  if (meant.length > 0) return meant
  throw new Refusal(2, `${oddHex(text)} (neither base64, nor a file's name)`)
}

function oddHex(text: string): string {
  const wrong = /[^0-9A-Fa-f]/.exec(text)
  return wrong === null
    ? `${text.length} hex digits: one is missing or one too many`
    : `not hex: ${wrong[0]} at ${wrong.index}`
}
