/** `pointsman health`: exit code 0 when a new transaction could complete; for container probes. */

import { adminFlag, refusalLine, replyOf } from "./running-switch.ts"
import { writeRecord } from "./table.ts"
import { Refusal, type Verb } from "./verb.ts"

export const verb: Verb = {
  about:
    "Asks a running switch whether a new transaction could complete. Exit code 0: it could; 1: " +
    "it could not, and why; 3: nobody answers.",
  parameters: [],
  flags: {
    admin: adminFlag,
    alive: { type: "yes", about: "only ask whether its event loop turns" }
  },
  examples: [["health --alive", "for a container's HEALTHCHECK"]],
  run: async (call) => {
    if (call.yes("alive")) {
      const { status } = await replyOf(call, "GET", "/livez")
      return status === 200 ? 0 : 1
    }
    const reply = await replyOf(call, "GET", "/healthz")
    if (reply.status !== 200) throw new Refusal(1, refusalLine(reply))
    const health = reply.body as Readonly<Record<string, unknown>>
    writeRecord(call, health)
    return health["ready"] === true ? 0 : 1
  }
}
