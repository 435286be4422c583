/** The process as verbs see it: its streams, its environment, its signals. Masks what it prints. */

import { createInterface } from "node:readline"
import { Writable } from "node:stream"
import { maskText } from "../domain/pan.ts"
import { Refusal, type Streams } from "./verb.ts"

export { keepCompiledSources } from "../domain/compiled-sources.ts"

/** More than this on standard input is refused: no verb reads captures larger than that whole. */
const maxInputBytes = 256 * 1024 * 1024

/**
 * A Ctrl-C comes from the terminal, and again from every program that started us and hands it on;
 * signals this close together are one request.
 */
const oneRequestMs = 500

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
  ask: async (question, hidden) => {
    // The echo is off before anybody can begin to type.
    const answer = nextLine(hidden)
    process.stderr.write(question)
    const line = await answer
    if (line === undefined) throw new Refusal(2, "standard input ended before it was answered")
    return line
  },
  environment: (name) => process.env[name],
  signals: (ended, hangup) => {
    let askedMs: number | undefined
    const ask = (signal: NodeJS.Signals) => {
      if (askedMs === undefined) {
        askedMs = performance.now()
        ended()
      } else if (performance.now() - askedMs > oneRequestMs) {
        process.off(signal, ask)
        process.kill(process.pid, signal)
      }
    }
    process.on("SIGTERM", ask)
    process.on("SIGINT", ask)
    process.on("SIGHUP", hangup)
    // Whoever started us and holds a channel to us was killed: nobody would end us any more.
    process.once("disconnect", () => ask("SIGTERM"))
    process.channel?.unref()
  }
}

/** Lines that came together with an earlier one, as they do from a pipe. */
const waiting: Array<string> = []
let inputEnded = false

/** Undefined: standard input ended. */
function nextLine(hidden: boolean): Promise<string | undefined> {
  const ready = waiting.shift()
  if (ready !== undefined || inputEnded) return Promise.resolve(ready)
  return new Promise((resolve) => {
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
    const terminal = process.stdin.isTTY && hidden
    const lines = createInterface({ input: process.stdin, output: nowhere, terminal })
    let first: string | undefined
    lines.on("line", (line) => {
      if (first !== undefined) return void waiting.push(line)
      first = line.trim()
      if (process.stdin.isTTY) lines.close()
    })
    lines.on("close", () => {
      // What is no terminal is read to its end for the first question already.
      inputEnded = !process.stdin.isTTY
      if (terminal) process.stderr.write("\n")
      process.stdin.pause()
      resolve(first)
    })
  })
}

/** Who closes our outputs early, as `pointsman … | head` does, is no failure of ours. */
export function tolerateClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error
    })
  }
}
