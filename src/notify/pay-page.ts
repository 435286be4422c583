/**
 * The page behind a code on a device's screen: what is to be paid, to whom, and how far it is. One
 * self-contained document without scripts; while it waits it asks again by itself. What must hold:
 * it shows what the order says and nothing of anybody else's; text from the estate is text.
 */

import type { OrderRecord } from "../domain/order.ts"
import type { HttpResponse } from "../domain/ports/http.ts"
import { currencyExponent, currencyName, formatAmount } from "../qr/currency-exponent.ts"
import { isOrderNumber } from "../qr/pay-link.ts"

export interface PayPages {
  readonly order: (number: string) => OrderRecord | undefined
  /** Name of the merchant whose terminal this is. */
  readonly merchantName: (terminal: string) => string | undefined
  readonly wallMs: () => number
}

/** A wallet's page would be the next step; until then people see what they owe. */
const refreshSeconds = 3

const headers = new Map([
  ["content-type", "text/html; charset=utf-8"],
  ["cache-control", "no-store"],
  ["content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"],
  ["referrer-policy", "no-referrer"],
  ["x-content-type-options", "nosniff"]
])

const style = `:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;box-sizing:border-box}
main{text-align:center;max-width:24rem}
.amount{font-size:2.5rem;font-variant-numeric:tabular-nums;margin:.5rem 0}
.state{font-weight:600}small{opacity:.7;word-break:break-all}`

type Shown = "waiting" | "paid" | "closed" | "expired"

const words: Readonly<Record<Shown, string>> = {
  waiting: "Waiting for your payment",
  paid: "Paid. Thank you.",
  closed: "This payment was closed.",
  expired: "This code has expired. Please ask for a new one."
}

/** `number` is what follows `payPath`. */
export function payPage(pages: PayPages, number: string): HttpResponse {
  const order = isOrderNumber(number) ? pages.order(number) : undefined
  if (order === undefined) {
    return page(404, "Unknown payment", "<p class=\"state\">There is no such payment.</p>", false)
  }
  const expired = order.state === "waiting" && pages.wallMs() >= order.expiresMs
  const shown: Shown = expired ? "expired" : order.state
  const amount = formatAmount(order.amount, currencyExponent(order.currency))
  const currency = currencyName(order.currency)
  const merchant = pages.merchantName(order.terminal) ?? order.merchant.trim()
  return page(
    200,
    merchant,
    `<h1>${escaped(merchant)}</h1><p class="amount">${amount} ${currency}</p>` +
      `<p class="state" role="status" data-state="${shown}">${words[shown]}</p>` +
      `<small>${order.order}</small>`,
    shown === "waiting"
  )
}

function page(status: number, title: string, content: string, refreshes: boolean): HttpResponse {
  const refresh = refreshes ? `<meta http-equiv="refresh" content="${refreshSeconds}">` : ""
  const text = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">" +
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">" +
    `${refresh}<title>${escaped(title)}</title><style>${style}</style></head>` +
    `<body><main>${content}</main></body></html>\n`
  return { status, headers, body: Buffer.from(text) }
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\"": "&quot;",
  "'": "&#39;"
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (each) => entities[each]!)
