/** `pointsman drain`: ends a running switch gently. */

import { adminFlag, askSwitch } from "./running-switch.ts"
import type { Verb } from "./verb.ts"

export const verb: Verb = {
  about:
    "The running switch stops accepting, lets what is in flight end, and ends itself. SIGTERM " +
    "does the same.",
  parameters: [],
  flags: { admin: adminFlag },
  examples: [["drain --admin 127.0.0.1:8080", "before a change of version"]],
  run: async (call) => {
    await askSwitch(call, "POST", "/api/drain")
    call.streams.say("draining; the process ends when nothing is in flight")
    return 0
  }
}
