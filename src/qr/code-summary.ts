/** A scanned code in a line and in lines: what it is, and every part of it. */

import { type CodeRow, shownText } from "./code-row.ts"
import type { ConsumerApplication } from "./consumer-code.ts"
import { consumerRows } from "./consumer-rows.ts"
import { currencyExponent, currencyName, formatAmount } from "./currency-exponent.ts"
import type { MerchantReading } from "./merchant-code.ts"
import { merchantRows } from "./merchant-rows.ts"
import { maskPayCode, type PayCode } from "./pay-code.ts"
import type { ScannedCode } from "./scanned-code.ts"

const wallets: Readonly<Record<PayCode["form"], string>> = {
  "wechat-digits": "WeChat Pay",
  "alipay-digits": "Alipay",
  "alipay-face": "Alipay, by face",
  "unionpay-digits": "UnionPay",
  "emv-consumer": "EMVCo"
}

/** What it is, for people, most important first. */
export function summaryOf(scanned: ScannedCode): ReadonlyArray<string> {
  switch (scanned.kind) {
    case "merchant":
      return ["EMVCo merchant-presented code", ...merchantWords(scanned.reading)]
    case "consumer":
      return ["EMVCo consumer-presented code", ...scanned.reading.applications.map(cardWords)]
    case "pay-code":
      return ["customer's pay code", wallets[scanned.payCode.form]]
    case "link": {
      const name = scanned.link.parts.find(({ key }) => key === "pn")?.value
      return ["link", scanned.link.title, ...(name === undefined ? [] : [shownText(name)])]
    }
    case "none":
      return ["no code that is known here"]
  }
}

function merchantWords({ code, objects }: MerchantReading): ReadonlyArray<string> {
  const value = (wanted: string) => objects.find(({ id }) => id === wanted)?.value
  const initiation = value("01")
  const use = initiation === "11" ? "static" : initiation === "12" ? "dynamic" : "not said which"
  const where = [value("59"), value("60"), value("58")].filter((each) => each !== undefined)
  return [use, amountWords(code), shownText(where.join(", "))].filter((each) => each !== "")
}

function amountWords(code: MerchantReading["code"]): string {
  if (code === undefined) return ""
  const { amount, currency } = code
  if (amount === undefined) return `any amount, ${currencyName(currency)}`
  return `${formatAmount(amount, currencyExponent(currency))} ${currencyName(currency)}`
}

function cardWords({ aid, label = aid, pan }: ConsumerApplication): string {
  return pan === undefined ? shownText(label) : `${shownText(label)} ${pan.mask}`
}

/** The same for programs. Accounts are not among them: see the rows, which mask them. */
export function factsOf(scanned: ScannedCode): Readonly<Record<string, unknown>> {
  switch (scanned.kind) {
    case "merchant": {
      const { code } = scanned.reading
      if (code === undefined) return {}
      const { amount, category, city, country, currency, initiation, name, tip } = code
      return { initiation, amount, currency, tip, category, country, name, city }
    }
    case "consumer":
      return { applications: scanned.reading.applications }
    case "pay-code":
      return { ...scanned.payCode }
    case "link":
      return { of: scanned.link.of, title: scanned.link.title }
    case "none":
      return {}
  }
}

export function codeRows(scanned: ScannedCode): ReadonlyArray<CodeRow> {
  switch (scanned.kind) {
    case "merchant":
      return merchantRows(scanned.reading)
    case "consumer":
      return consumerRows(scanned.reading)
    case "pay-code": {
      const { code, payCode } = scanned
      const isCard = payCode.form === "unionpay-digits"
      return [{
        path: "code",
        depth: 0,
        name: "pay code",
        offset: 0,
        length: code.length,
        value: maskPayCode(code),
        note: isCard ? "typed in, the same digits are a card number" : ""
      }]
    }
    case "link":
      return scanned.link.parts.map(({ at, key, name, value }) => ({
        path: shownText(key),
        depth: 0,
        name,
        offset: at,
        length: value.length,
        value: shownText(value),
        note: key === "sign" ? "not checked" : ""
      }))
    case "none":
      return []
  }
}
