/**
 * Webhooks of the wallets on the public HTTP port: one path an account, raw bodies, and the answer
 * each scheme wants to hear. What must hold: a request for no account of ours is answered like any
 * unknown page; a refusal says that it is one and nothing about why.
 */

import type { AccountConfig } from "../domain/config.ts"
import type { HttpRequest, HttpResponse } from "../domain/ports/http.ts"
import { payPath } from "../qr/pay-link.ts"
import type { Intake, NoticeEnd } from "./intake.ts"
import { payPage, type PayPages } from "./pay-page.ts"

/** Every notice that the facts know is below 8 KiB. */
export const maxNoticeBytes = 65_536

type Scheme = AccountConfig["scheme"]

const json = new Map([["content-type", "application/json"]])
const plain = new Map([["content-type", "text/plain"]])
const empty = new Uint8Array(0)

function textResponse(
  status: number,
  headers: ReadonlyMap<string, string>,
  text: string
): HttpResponse {
  return { status, headers, body: text === "" ? empty : Buffer.from(text) }
}

const notFound = textResponse(404, plain, "not found\n")
const wrongMethod = textResponse(405, new Map([...plain, ["allow", "POST"]]), "POST\n")

/** Protocol facts §4: WeChat 200 or 204, Alipay exactly `success`, UnionPay 200. */
const accepted: Readonly<Record<Scheme, HttpResponse>> = {
  wechat: textResponse(204, new Map(), ""),
  alipay: textResponse(200, plain, "success"),
  unionpay: textResponse(200, plain, "ok"),
  hmac: textResponse(204, new Map(), "")
}

const refused: Readonly<Record<Scheme, HttpResponse>> = {
  wechat: textResponse(401, json, `{"code":"FAIL","message":"refused"}`),
  alipay: textResponse(400, plain, "fail"),
  unionpay: textResponse(400, plain, "fail"),
  hmac: textResponse(401, json, `{"error":"refused"}`)
}

const later: Readonly<Record<Scheme, HttpResponse>> = {
  wechat: textResponse(503, json, `{"code":"FAIL","message":"later"}`),
  alipay: textResponse(503, plain, "fail"),
  unionpay: textResponse(503, plain, "fail"),
  hmac: textResponse(503, json, `{"error":"later"}`)
}

type Respond = (response: HttpResponse) => void

/** Everything that the public port answers: webhooks, and the page of a code. */
export function makeWebhooks(
  accounts: ReadonlyArray<AccountConfig>,
  intake: Intake,
  pages: PayPages
): (request: HttpRequest, respond: Respond) => void {
  const byPath = new Map(accounts.map((account) => [account.path, account]))
  return (request, respond) => {
    const [path = ""] = request.path.split("?", 1)
    if (path.startsWith(payPath) && (request.method === "GET" || request.method === "HEAD")) {
      return respond(payPage(pages, path.slice(payPath.length)))
    }
    const account = byPath.get(path)
    if (account === undefined) return respond(notFound)
    if (request.method !== "POST") return respond(wrongMethod)
    intake.take({
      account: account.name,
      headers: request.headers,
      body: request.body,
      nowMs: pages.wallMs()
    }, (end) => respond(answer(account.scheme, end)))
  }
}

function answer(scheme: Scheme, end: NoticeEnd): HttpResponse {
  if (end._tag === "accepted") return accepted[scheme]
  return end._tag === "refused" ? refused[scheme] : later[scheme]
}
