/** `pointsman route explain`: where a transaction would go, and why not elsewhere. */

import { merchantIdOf, terminalIdOf, type TransactionId } from "../domain/brand.ts"
import { channels, schemes } from "../domain/channel.ts"
import { kinds } from "../domain/kind.ts"
import { maskedJson } from "../domain/masked-json.ts"
import type { RouteFacts } from "../domain/ports/router.ts"
import { explanationLines } from "../route/route-table.ts"
import { checkedRoutes } from "./checked-routes.ts"
import { configPath, loadedConfig } from "./configuration.ts"
import { replayAction } from "./route-replay.ts"
import { type Call, configFlag, Refusal, type Verb } from "./verb.ts"

function facts(call: Call): RouteFacts {
  const { number, text } = call
  const digits = call.parameters[0]
  if (digits !== undefined && !/^\d{1,19}$/.test(digits)) {
    throw new Refusal(2, "expected the first digits of a card or a pay code")
  }
  const amount = number("amount")
  const currency = text("currency")
  const id = text("id")?.toLowerCase()
  if (id !== undefined && !/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) {
    throw new Refusal(2, `--id ${id}: expected the id of a transaction`)
  }
  return {
    ...(id === undefined ? {} : { id: id as TransactionId }),
    kind: kinds.find((each) => each === text("kind"))!,
    channel: channels.find((each) => each === text("channel"))!,
    scheme: schemes.find((each) => each === text("scheme"))!,
    // Tables look at the first twelve digits of a whole number.
    ...(digits === undefined ? {} : { digits: digits.padEnd(12, "0") }),
    ...(amount === undefined ? {} : { amount }),
    ...(currency === undefined ? {} : { currency }),
    terminal: terminalIdOf(text("terminal") ?? ""),
    merchant: merchantIdOf(text("merchant") ?? ""),
    group: text("group") ?? "default",
    minuteOfDay: minutes(text("at") ?? "12:00")
  }
}

function minutes(time: string): number {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(time)
  if (match === null) throw new Refusal(2, `--at ${time}: expected HH:MM`)
  return Number(match[1]) * 60 + Number(match[2])
}

export const verb: Verb = {
  about: "Where transactions go, and where they would.",
  actions: {
    replay: replayAction,
    explain: {
      about: "Says where a transaction would go, and why it would not go elsewhere.",
      parameters: [{
        name: "digits",
        about: "first digits of the card; those that are missing count as 0",
        presence: "optional"
      }],
      flags: {
        config: configFlag,
        kind: {
          type: "text",
          value: "<kind>",
          about: "what is asked for",
          choices: kinds,
          fallback: "sale"
        },
        channel: {
          type: "text",
          value: "<channel>",
          about: "how it is paid",
          choices: channels,
          fallback: "chip"
        },
        scheme: {
          type: "text",
          value: "<scheme>",
          about: "card or code",
          choices: schemes,
          fallback: "card"
        },
        amount: { type: "number", value: "<minor>", about: "in minor units" },
        currency: { type: "text", value: "<code>", about: "ISO 4217, three digits" },
        terminal: { type: "text", value: "<id>", about: "terminal id" },
        merchant: { type: "text", value: "<id>", about: "merchant id" },
        group: { type: "text", value: "<group>", about: "group of the terminal" },
        at: { type: "text", value: "<HH:MM>", about: "local time", fallback: "12:00" },
        id: {
          type: "text",
          value: "<uuid>",
          about: "our id of it, by which it draws among upstreams with shares"
        }
      },
      examples: [["route explain 622202 --channel chip --amount 1000", "a UnionPay card, 10.00"]],
      run: async (call) => {
        const asked = facts(call)
        const { config } = await loadedConfig(call)
        const explanation = checkedRoutes(configPath(call), config).explain(asked)
        if (call.format === "json") {
          call.streams.raw(`${maskedJson(explanation, 2)}\n`)
        } else call.streams.out(`${explanationLines(explanation).join("\n")}\n`)
        return explanation.decision.route === undefined ? 1 : 0
      }
    }
  }
}
