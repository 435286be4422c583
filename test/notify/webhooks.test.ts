/** The words that each scheme wants to hear, and what nobody who is refused may learn. */

import { describe, expect, it } from "vitest"
import type { AccountConfig } from "../../src/domain/config.ts"
import type { NotificationJob } from "../../src/domain/ports/codec.ts"
import type { HttpRequest, HttpResponse } from "../../src/domain/ports/http.ts"
import type { Intake, NoticeEnd } from "../../src/notify/intake.ts"
import type { PayPages } from "../../src/notify/pay-page.ts"
import { makeWebhooks } from "../../src/notify/webhooks.ts"

const schemes = ["wechat", "alipay", "unionpay", "hmac"] as const

const accounts = schemes.map((scheme): AccountConfig => ({
  name: `${scheme}-account`,
  scheme,
  path: `/notify/${scheme}`,
  merchantId: "1900000109",
  replayWindowMs: 300_000
}))

const pages: PayPages = {
  order: () => undefined,
  merchantName: () => undefined,
  wallMs: () => 1_700_000_000_000
}

/** The answer to one request, with what the intake was given. */
function asked(end: NoticeEnd, change: Partial<HttpRequest> = {}) {
  const jobs: Array<NotificationJob> = []
  const intake = {
    take: (job: NotificationJob, done: (end: NoticeEnd) => void) => {
      jobs.push(job)
      done(end)
    }
  } as Partial<Intake> as Intake
  let response: HttpResponse | undefined
  makeWebhooks(accounts, intake, pages)({
    method: "POST",
    path: "/notify/wechat",
    headers: new Map([["wechatpay-serial", "S1"]]),
    body: Buffer.from("{}"),
    remote: "127.0.0.1:1",
    ...change
  }, (given) => {
    expect(response).toBeUndefined()
    response = given
  })
  const { body, headers, status } = response!
  return { status, text: Buffer.from(body).toString(), headers, jobs }
}

describe("a webhook", () => {
  it.each([
    ["wechat", 204, ""],
    ["alipay", 200, "success"],
    ["unionpay", 200, "ok"],
    ["hmac", 204, ""]
  ])("acknowledges in the words of %s, whatever became of the notice", (scheme, status, text) => {
    for (const what of ["booked", "known", "exception", "unhandled", "idle"] as const) {
      const answer = asked({ _tag: "accepted", what }, { path: `/notify/${scheme}` })
      expect([answer.status, answer.text]).toEqual([status, text])
    }
  })

  it.each([
    ["wechat", 401, "{\"code\":\"FAIL\",\"message\":\"refused\"}"],
    ["alipay", 400, "fail"],
    ["unionpay", 400, "fail"],
    ["hmac", 401, "{\"error\":\"refused\"}"]
  ])("says to a refused one of %s that it is, and not why", (scheme, status, text) => {
    const failures = [
      "notification-forged",
      "notification-stale",
      "notification-format",
      "notification-oversized"
    ] as const
    for (const failure of failures) {
      const answer = asked({ _tag: "refused", failure }, { path: `/notify/${scheme}` })
      expect([answer.status, answer.text]).toEqual([status, text])
    }
  })

  it.each(schemes)("asks %s to come again with 503, and with no word of success", (scheme) => {
    const answer = asked({ _tag: "later" }, { path: `/notify/${scheme}` })
    expect(answer.status).toBe(503)
    expect(answer.text).not.toMatch(/success|ok|booked/)
  })

  it("hands over the account of its path, headers and body as they came, and the time", () => {
    const { jobs } = asked({ _tag: "later" }, { path: "/notify/alipay?sign=x" })
    expect(jobs).toEqual([{
      account: "alipay-account",
      headers: new Map([["wechatpay-serial", "S1"]]),
      body: Buffer.from("{}"),
      nowMs: 1_700_000_000_000
    }])
  })

  it.each(["/", "/notify", "/notify/wechat/", "/notify/WECHAT", "/notify/other", ""])(
    "is not found at %j",
    (path) => {
      const answer = asked({ _tag: "accepted", what: "booked" }, { path })
      expect([answer.status, answer.jobs]).toEqual([404, []])
    }
  )

  it.each(["GET", "PUT", "DELETE", "HEAD", "post"])("takes no %s", (method) => {
    const answer = asked({ _tag: "accepted", what: "booked" }, { method })
    expect([answer.status, answer.headers.get("allow"), answer.jobs]).toEqual([405, "POST", []])
  })

  it("does not tell an account's path by its answer to another method from elsewhere", () => {
    const elsewhere = asked({ _tag: "later" }, { method: "GET", path: "/notify/other" })
    expect(elsewhere.status).toBe(404)
  })
})
