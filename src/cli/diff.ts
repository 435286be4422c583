/** `pointsman diff`: two messages, field by field. */

import { diff } from "../iso8583/compare.ts"
import type { Message } from "../iso8583/message.ts"
import { readingFlags, wholeMessage } from "./reading.ts"
import { writeRows } from "./table.ts"
import type { Verb } from "./verb.ts"

export const verb: Verb = {
  about:
    "Compares two messages field by field, by their bytes; shows masked values. Exit code 0: " +
    "they are the same; 1: they differ.",
  parameters: [
    { name: "left", about: "hex, base64, a file or -", presence: "one" },
    { name: "right", about: "the same", presence: "one" }
  ],
  flags: readingFlags,
  examples: [["diff --dialect cup-pos sent.hex received.hex", "what did the host change?"]],
  run: async (call) => {
    const messages: Array<Message> = []
    for (const word of call.parameters) messages.push((await wholeMessage(call, word)).message)
    const rows = diff(messages[0]!, messages[1]!).map(({ left, name, path, right }) => ({
      field: path,
      name,
      left: left ?? "absent",
      right: right ?? "absent"
    }))
    if (rows.length === 0) {
      call.streams.say("the same")
      return 0
    }
    writeRows(call, rows, [
      ["field", "field"],
      ["name", "name"],
      ["left", "left"],
      ["right", "right"]
    ])
    return 1
  }
}
