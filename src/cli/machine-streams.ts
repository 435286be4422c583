/** The process as verbs see it: its streams, its environment, its signals. Masks what it prints. */

import { maskText } from "../domain/pan.ts"
import { Refusal, type Streams } from "./verb.ts"

/** More than this on standard input is refused: no verb reads captures larger than that whole. */
const maxInputBytes = 256 * 1024 * 1024

export const machineStreams: Streams = {
  out: (text) => void process.stdout.write(maskText(text)),
  raw: (bytes) => void process.stdout.write(bytes),
  say: (line) => void process.stderr.write(`${maskText(line)}\n`),
  input: async () => {
    const chunks: Array<Buffer> = []
    let size = 0
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxInputBytes) throw new Refusal(2, "standard input is above 256 MiB: split it")
    }
    return Buffer.concat(chunks)
  },
  environment: (name) => process.env[name],
  signals: (ended, hangup) => {
    process.once("SIGTERM", ended)
    process.once("SIGINT", ended)
    process.on("SIGHUP", hangup)
  }
}

/** `pointsman … | head` closes our output early, which is no failure. */
export function tolerateClosedOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error
  })
}
