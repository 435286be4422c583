/** `pointsman convert`: a message in another dialect, as the switch would send it upstream. */

import { convert } from "../iso8583/compare.ts"
import { bundledNames, dialectOf, mappingOf } from "./dialect-files.ts"
import { readingFlags, wholeMessage } from "./reading.ts"
import { type Call, type ExitCode, Refusal, type Verb } from "./verb.ts"

/** `--set 7=0102030405,11=000001`. */
function stampsOf(call: Call): Record<string, string> {
  const stamps: Record<string, string> = {}
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
    "cross here: only the switch can translate them.",
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
    const { dialect: from, message } = await wholeMessage(call, word)
    const to = dialectOf(name!, from.number + 1)
    if (from.name === to.name) throw new Refusal(2, `the message is in ${to.name} already`)
    const mapping = call.text("mapping") ?? `${from.name}-to-${to.name}`
    if (call.text("mapping") === undefined && !bundledNames("mappings").includes(mapping)) {
      throw new Refusal(2, `no mapping ${mapping} comes along: name a file with --mapping`)
    }
    const made = convert(message, to, mappingOf(mapping, from, to), stampsOf(call))
    if (!("body" in made)) {
      throw new Refusal(1, `${made.path}: ${made.problem}; give it with --set if it is stamped`)
    }
    const hex = made.body.toString("hex").toUpperCase()
    if (call.format === "json") {
      const told = { dialect: to.name, bytes: made.body.length, hex, staysBehind: made.left }
      call.streams.raw(`${JSON.stringify(told)}\n`)
      return 0
    }
    if (made.left.length > 0) call.streams.say(`stays behind: ${made.left.join(", ")}`)
    call.streams.raw(`${hex}\n`)
    return 0
  }
}
