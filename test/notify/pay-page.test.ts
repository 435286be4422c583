/** The page behind a code on a screen: who asks hears of this order, and learns of no other. */

import { describe, expect, it } from "vitest"
import type { MerchantId, TerminalId, TransactionId } from "../../src/domain/brand.ts"
import type { OrderRecord } from "../../src/domain/order.ts"
import type { HttpResponse } from "../../src/domain/ports/http.ts"
import { payPage } from "../../src/notify/pay-page.ts"
import { makeWebhooks } from "../../src/notify/webhooks.ts"

const number = "0123456789abcdef0123456789abcdef"
const expiresMs = 1_700_000_060_000

const order: OrderRecord = {
  order: number,
  transaction: "01234567-89ab-cdef-0123-456789abcdef" as TransactionId,
  terminal: "T0000001" as TerminalId,
  merchant: "M0001          " as MerchantId,
  scheme: "wechat",
  channel: "qr-screen",
  amount: 123_456,
  currency: "156",
  createdMs: expiresMs - 60_000,
  expiresMs,
  state: "waiting"
}

/** The pages of one order, a millisecond before it expires. */
function pagesOf(change: Partial<OrderRecord> = {}, wallMs = expiresMs - 1, name?: string) {
  const asked: Array<string> = []
  return {
    asked,
    order: (each: string) => {
      asked.push(each)
      return each === number ? { ...order, ...change } : undefined
    },
    merchantName: (terminal: string) => terminal === order.terminal ? name : undefined,
    wallMs: () => wallMs
  }
}

function shown({ body, headers, status }: HttpResponse) {
  const text = Buffer.from(body).toString()
  return {
    status,
    headers,
    text,
    amount: /class="amount">([^<]*)</.exec(text)?.[1],
    merchant: /<h1>([^<]*)</.exec(text)?.[1],
    title: /<title>([^<]*)<\/title>/.exec(text)?.[1],
    state: /data-state="(\w+)"/.exec(text)?.[1],
    asksAgain: text.includes("http-equiv=\"refresh\"")
  }
}

describe("the page of an order", () => {
  it.each(
    [
      ["waiting", {}, expiresMs - 1, true],
      ["expired", {}, expiresMs, false],
      ["paid", { state: "paid" }, expiresMs + 1, false],
      ["closed", { state: "closed" }, expiresMs + 1, false]
    ] as const
  )("says that it is %s, and asks again only while it waits", (state, change, nowMs, asks) => {
    const page = shown(payPage(pagesOf(change, nowMs), number))
    expect([page.status, page.state, page.asksAgain]).toEqual([200, state, asks])
  })

  it.each([
    ["156", "1234.56 CNY"],
    ["392", "123456 JPY"],
    ["840", "1234.56 USD"]
  ])("writes an amount in %s as people do: %s", (currency, amount) => {
    expect(shown(payPage(pagesOf({ currency }), number)).amount).toBe(amount)
  })

  it("names the merchant of its terminal, as text, or else its number", () => {
    const page = (name?: string) => {
      const { merchant, title } = shown(payPage(pagesOf({}, 0, name), number))
      return [title, merchant]
    }
    const text = "Tea &amp; &lt;b&gt;Cake&lt;/b&gt;"
    expect(page("Tea & <b>Cake</b>")).toEqual([text, text])
    expect(page()).toEqual(["M0001", "M0001"])
  })

  it("is kept nowhere and runs nothing", () => {
    const { headers } = payPage(pagesOf(), number)
    expect(headers.get("cache-control")).toBe("no-store")
    expect(headers.get("content-security-policy")).toContain("default-src 'none'")
  })
})

describe("a page that is not there", () => {
  it("says so, and does not ask again", () => {
    const page = shown(payPage(pagesOf(), "f".repeat(32)))
    expect([page.status, page.asksAgain]).toEqual([404, false])
    expect(page.text).toContain("There is no such payment.")
  })

  it.each(["", "0".repeat(31), "0".repeat(33), "0".repeat(31) + "G", `${number}/`, "../state"])(
    "is not looked for by what is no order number: %j",
    (text) => {
      const pages = pagesOf()
      expect(payPage(pages, text).status).toBe(404)
      expect(pages.asked).toEqual([])
    }
  )
})

describe("the public port", () => {
  const ask = (method: string, path: string) => {
    let status: number | undefined
    makeWebhooks([], {} as never, pagesOf())(
      { method, path, headers: new Map(), body: new Uint8Array(0), remote: "127.0.0.1:1" },
      (response) => status = response.status
    )
    return status
  }

  it.each([["GET", 200], ["HEAD", 200], ["POST", 404], ["DELETE", 404]])(
    "answers %s of an order's page with %i",
    (method, status) => {
      expect(ask(method, `/pay/${number}`)).toBe(status)
      expect(ask(method, `/pay/${number}?from=code`)).toBe(status)
    }
  )

  it("has no page elsewhere", () => {
    expect([ask("GET", "/"), ask("GET", `/paid/${number}`)]).toEqual([404, 404])
  })
})
