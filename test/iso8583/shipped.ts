/** The dialects and mappings of `config/`, compiled; and the captured messages of `test/corpus/`. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { compileMapping } from "../../src/iso8583/compile-mapping.ts"
import { compileDialect } from "../../src/iso8583/compile.ts"
import type { CompiledDialect } from "../../src/iso8583/dialect.ts"
import type { CodecFault } from "../../src/iso8583/fault.ts"
import type { Mapping } from "../../src/iso8583/mapping.ts"
import type { Message } from "../../src/iso8583/message.ts"

const root = join(import.meta.dirname, "../..")

export function source(folder: "dialects" | "mappings", name: string): unknown {
  return parse(readFileSync(join(root, "config", folder, `${name}.yaml`), "utf8"))
}

let number = 0

export function dialect(name: string): CompiledDialect {
  return compiled(source("dialects", name))
}

/** A dialect from plain data; throws what is wrong with it. */
export function compiled(data: unknown): CompiledDialect {
  const made = compileDialect(data, ++number)
  if ("length" in made) throw new Error(JSON.stringify(made))
  return made
}

export function mapping(from: CompiledDialect, to: CompiledDialect): Mapping {
  const made = compileMapping(source("mappings", `${from.name}-to-${to.name}`), from, to)
  if ("length" in made) throw new Error(JSON.stringify(made))
  return made
}

/** Bodies by name, in hex: captured from the field, see protocol facts §1.9 and §1.11. */
export const captured = JSON.parse(
  readFileSync(join(root, "test/corpus/iso8583/cup-bodies.json"), "utf8")
) as Readonly<Record<string, string>>

export function read(spoken: CompiledDialect, hex: string): Message {
  const message = spoken.read(Buffer.from(hex, "hex"))
  if ("failure" in message) throw new Error(JSON.stringify(message))
  return message
}

export function refused(spoken: CompiledDialect, hex: string): CodecFault {
  const fault = spoken.read(Buffer.from(hex, "hex"))
  if (!("failure" in fault)) throw new Error("was accepted")
  return fault
}
