/** `pointsman convert`: a message in another dialect, as the switch would send it upstream. */

import type { CompiledDialect } from "../iso8583/dialect.ts"
import type { Message, Role } from "../iso8583/message.ts"
import { bundledNames, dialectOf, mappingOf } from "./dialect-files.ts"
import { bestReading, faultWords, readingFlags } from "./reading.ts"
import { type Call, type ExitCode, Refusal, type Verb } from "./verb.ts"

/** What the switch stamps anew on the road; here it is taken from the message itself. */
const stampedRoles: ReadonlyArray<Role> = [
  "transmissionTime",
  "stan",
  "localTime",
  "localDate",
  "acquirer",
  "forwarder",
  "rrn",
  "merchantName"
]

function stampsOf(call: Call, message: Message, to: CompiledDialect): Record<string, string> {
  const stamps: Record<string, string> = {}
  for (const role of stampedRoles) {
    const path = to.pathOf(role)
    const value = message.role(role)
    if (path !== undefined && value !== undefined) stamps[path] = value
  }
  for (const each of (call.text("set") ?? "").split(",").filter((word) => word !== "")) {
    const [path = "", ...rest] = each.split("=")
    if (rest.length === 0 || !/^\d{1,3}(?:\.\S+)?$/.test(path)) {
      throw new Refusal(2, `--set ${each}: expected fields as 7=0102030405,11=000001`)
    }
    stamps[path] = rest.join("=")
  }
  return stamps
}

export const verb: Verb = {
  about: "Writes a message in another dialect by the mapping between the two, as hex. What the " +
    "switch would stamp itself is taken from the message, or given with --set. PIN blocks do not " +
    "cross here: only the switch can translate it.",
  parameters: [
    { name: "to", about: "dialect to convert to", presence: "one" },
    { name: "message", about: "hex, base64, a file, or - for standard input", presence: "optional" }
  ],
  flags: {
    ...readingFlags,
    mapping: { type: "text", value: "<name>", about: "absent: <from>-to-<to>" },
    set: { type: "text", value: "<field=value,…>", about: "fields the message does not have" }
  },
  examples: [["convert iso87-ascii sale.hex --set 7=0102030405", "what will the acquirer see?"]],
  run: async (call): Promise<ExitCode> => {
    const [name, word] = call.parameters
    const reading = await bestReading(call, word)
    if (reading.fault !== undefined) throw new Refusal(1, faultWords(reading))
    const { dialect: from, message } = reading
    const to = dialectOf(name!, from.number + 1)
    if (from.name === to.name) throw new Refusal(2, `the message is in ${to.name} already`)
    const mapping = call.text("mapping") ?? `${from.name}-to-${to.name}`
    if (call.text("mapping") === undefined && !bundledNames("mappings").includes(mapping)) {
      throw new Refusal(2, `no mapping ${mapping} comes along: name a file with --mapping`)
    }
    const stamps = stampsOf(call, message!, to)
    const body = mappingOf(mapping, from, to).forward(message!, stamps, false)
    if (!(body instanceof Uint8Array)) {
      throw new Refusal(1, `${body.path}: ${body.problem}; give it with --set if it is stamped`)
    }
    call.streams.raw(`${body.toString("hex").toUpperCase()}\n`)
    return 0
  }
}
