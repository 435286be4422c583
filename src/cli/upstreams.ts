/** `pointsman upstreams`: links and breakers of a running switch, and the hand on them. */

import { adminFlag, askSwitch, rowsOf } from "./running-switch.ts"
import { writeRows } from "./table.ts"
import { type Action, type Parameter, Refusal, type Verb } from "./verb.ts"

const upstream: Parameter = { name: "upstream", about: "its name in the file", presence: "one" }
const link: Parameter = { name: "link", about: "number of the link, from 0", presence: "one" }

function onLink(what: "drain" | "resume", about: string): Action {
  return {
    about,
    parameters: [upstream, link],
    flags: { admin: adminFlag },
    examples: [[`upstreams ${what} acquirer 0`, about]],
    run: async (call) => {
      const [name, number] = call.parameters
      if (!/^\d{1,4}$/.test(number!)) throw new Refusal(2, `${number}: a link is a number from 0`)
      const path = `/api/upstreams/${encodeURIComponent(name!)}/links/${number}/${what}`
      await askSwitch(call, "POST", path)
      call.streams.say(`${name} link ${number}: ${what}ed`.replace("resumeed", "resumed"))
      return 0
    }
  }
}

export const verb: Verb = {
  about: "Upstreams of a running switch.",
  actions: {
    list: {
      about: "Lists upstreams with their links, breakers and windows.",
      parameters: [],
      flags: { admin: adminFlag },
      examples: [["upstreams list --format json", "for a program"]],
      run: async (call) => {
        const rows = rowsOf(await askSwitch(call, "GET", "/api/upstreams"))
        writeRows(call, call.format === "json" ? rows : rows.map(withLinkStates), [
          ["upstream", "name"],
          ["kind", "kind"],
          ["breaker", "breaker"],
          ["links", "links"],
          ["in flight", "inFlight"],
          ["window", "window"]
        ])
        return 0
      }
    },
    force: {
      about: "Holds a breaker open or closed, or lets it decide again.",
      parameters: [upstream, { name: "to", about: "open, closed or auto", presence: "one" }],
      flags: { admin: adminFlag },
      examples: [["upstreams force acquirer open", "send nothing more to it"]],
      run: async (call) => {
        const [name, to] = call.parameters
        const path = `/api/upstreams/${encodeURIComponent(name!)}/breaker`
        await askSwitch(call, "POST", path, { to })
        call.streams.say(`${name}: breaker ${to === "auto" ? "decides again" : `forced ${to}`}`)
        return 0
      }
    },
    drain: onLink("drain", "Takes a link out of service when what is in flight has ended."),
    resume: onLink("resume", "Lets a drained link back into service.")
  }
}

function withLinkStates(row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const links = Array.isArray(row["links"]) ? row["links"] as ReadonlyArray<{ state?: string }> : []
  return { ...row, links: links.map(({ state }) => state ?? "?") }
}
