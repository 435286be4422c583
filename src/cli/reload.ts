/** `pointsman reload`: the running switch reads its configuration again. */

import { maskedJson } from "../domain/masked-json.ts"
import { adminFlag, refusalLine, replyOf } from "./running-switch.ts"
import { Refusal, type Verb } from "./verb.ts"

interface Report {
  readonly version?: number
  readonly changes?: ReadonlyArray<string>
  readonly refused?: ReadonlyArray<string>
}

export const verb: Verb = {
  about:
    "The running switch reads its configuration again. All of it is applied, or none: faults, " +
    "and keys that need a restart, are named.",
  parameters: [],
  flags: { admin: adminFlag },
  examples: [["reload", "after `pointsman check`"]],
  run: async (call) => {
    const reply = await replyOf(call, "POST", "/api/reload")
    const { body, status } = reply
    if (status !== 200 && status !== 409) throw new Refusal(1, refusalLine(reply))
    const { changes = [], refused = [], version } = body as Report
    if (call.format === "json") call.streams.raw(`${maskedJson(body, 2)}\n`)
    else {
      for (const change of changes) call.streams.out(`${change}\n`)
      for (const line of refused) call.streams.say(line)
    }
    call.streams.say(
      refused.length > 0
        ? `nothing was applied; version ${version} stays in force`
        : `version ${version} is in force, ${changes.length} changes`
    )
    return refused.length > 0 ? 1 : 0
  }
}
