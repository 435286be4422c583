/** A route of the configuration file. */

import { channels } from "../domain/channel.ts"
import type { RouteConfig } from "../domain/config.ts"
import { kinds } from "../domain/kind.ts"
import { name } from "./part-shapes.ts"
import {
  choice,
  list,
  optional,
  record,
  required,
  section,
  type Shape,
  shortOr,
  text,
  wholeNumber
} from "./shape.ts"

const amount = wholeNumber(0, Number.MAX_SAFE_INTEGER, "minor units")

const when = record({
  bins: optional(
    list(text("digits such as 62 or a range such as 4000-4999", /^\d{1,12}(?:-\d{1,12})?$/), 1),
    "First digits of the card, or of the customer's pay code; the longest match wins.",
    "live"
  ),
  channels: optional(list(choice(channels), 1), "How the customer pays.", "live"),
  kinds: optional(list(choice(kinds), 1), "What is asked for.", "live"),
  merchants: optional(list(text("a merchant id"), 1), "Merchant ids, field 42.", "live"),
  groups: optional(list(text("a group"), 1), "Groups of the terminals file.", "live"),
  currencies: optional(
    list(text("three digits, ISO 4217", /^\d{3}$/), 1),
    "Numeric currency codes.",
    "live"
  ),
  minAmount: optional(amount, "Amounts from here on, in minor units.", "live"),
  maxAmount: optional(amount, "Amounts up to here, in minor units.", "live"),
  between: optional(
    text("HH:MM-HH:MM", /^\d\d:\d\d-\d\d:\d\d$/),
    "Local time of day; may cross midnight.",
    "live"
  )
})

const shared = record({
  upstream: required(name, "An upstream that is the first candidate of a share.", "live"),
  share: required(
    wholeNumber(1, 10_000, "parts"),
    "Its parts of the sum of the route's shares; they need not add up to 100.",
    "live"
  )
})

export const routeShape = record({
  name: required(name, "Its name in logs, metrics and explanations.", "live"),
  when: section(when, "All conditions must hold; none: everything."),
  to: required(
    list(shortOr(name, shared), 1),
    "Upstreams, best first; of those with shares, which stand first, each transaction's id draws " +
      "its first, and the others follow as they are written.",
    "live"
  )
}) satisfies Shape<RouteConfig>
