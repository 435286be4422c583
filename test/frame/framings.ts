/** The framings of `config/framings/` for tests, and what a deframer says in words. */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import type { SourceFault } from "../../src/domain/source-fault.ts"
import { compileFraming } from "../../src/frame/compile.ts"
import type { Framing } from "../../src/frame/framing.ts"

const folder = join(import.meta.dirname, "../../config/framings")

export const framingNames: ReadonlyArray<string> = readdirSync(folder)
  .map((file) => file.replace(/\.yaml$/, ""))
  .sort()

export function framingSource(name: string): unknown {
  return parse(readFileSync(join(folder, `${name}.yaml`), "utf8"))
}

export function compiled(source: unknown): Framing {
  const result = compileFraming(source)
  if (!("deframer" in result)) throw new Error(JSON.stringify(result))
  return result
}

export function framing(name: string): Framing {
  return compiled(framingSource(name))
}

export function faultsOf(source: unknown): ReadonlyArray<SourceFault> {
  const result = compileFraming(source)
  return "deframer" in result ? [] : result
}

/** What came of a stream: `header|body` for a frame, `alive` or `alive>reply`, `!failure`. */
export function heard(
  shape: Framing,
  chunks: ReadonlyArray<Buffer>,
  maxFrameBytes = 1000
): Array<string> {
  const deframer = shape.deframer(maxFrameBytes)
  const events: Array<string> = []
  const sink = {
    onFrame: (header: Uint8Array, body: Uint8Array) => events.push(`${hex(header)}|${hex(body)}`),
    onKeepAlive: (reply: Uint8Array | undefined) =>
      events.push(reply === undefined ? "alive" : `alive>${hex(reply)}`)
  }
  for (const chunk of chunks) {
    const failure = deframer.push(chunk, sink)
    if (failure === undefined) continue
    events.push(`!${failure}`)
    return events
  }
  const pending = deframer.pendingBytes()
  if (pending > 0) events.push(`+${pending}`)
  return events
}

export function bytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(" ", ""), "hex")
}

export function hex(value: Uint8Array): string {
  return Buffer.from(value).toString("hex").toUpperCase()
}
