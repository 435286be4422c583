/**
 * Links behind codes that a customer scans: our own page of an order, those of the Chinese wallets,
 * and India's UPI. Must hold: a link is recognised by how it begins and by nothing else; what is
 * wrong with one is named with its place; a signature is never said to be right.
 */

import { type CodeFault, codeFault } from "./code-fault.ts"
import { parseAmount } from "./currency-exponent.ts"

/** Where the public listener has the page of an order; its number follows. */
export const payPath = "/pay/"

/** As the public listener is configured. */
interface PublicAddress {
  readonly host: string
  readonly port: number
  readonly url?: string
}

/** Everything in front of {@link payPath}. */
export function publicUrl({ host, port, url = `http://${host}:${port}` }: PublicAddress): string {
  return url
}

export function payLinkOf(address: PublicAddress, order: string): string {
  return `${publicUrl(address)}${payPath}${order}`
}

export function isOrderNumber(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text)
}

export interface PayLink {
  /** `switch` is the page of an order of a switch like this one. */
  readonly of: "switch" | "wechat" | "alipay" | "unionpay" | "upi"
  /** For people: what it is. */
  readonly title: string
  /** In the order of the link; `at`: characters before the value. */
  readonly parts: ReadonlyArray<LinkPart>
  readonly faults: ReadonlyArray<CodeFault>
}

export interface LinkPart {
  readonly key: string
  readonly name: string
  readonly value: string
  readonly at: number
}

/** Undefined: no link that begins as one of these. */
export function readPayLink(text: string): PayLink | undefined {
  if (/^upi:\/\//i.test(text)) return readUpi(text)
  if (text.startsWith("weixin://wxpay/bizpayurl?")) return plain("wechat", "WeChat Pay order")
  if (text.startsWith("wxp://")) return plain("wechat", "WeChat Pay code of a person")
  if (text.startsWith("https://qr.alipay.com/")) return plain("alipay", "Alipay code")
  if (text.startsWith(unionpay)) return readUnionpay(text)
  const [page] = /^https?:\/\/[^/?#]+(?:\/[^?#]*)?\/pay\//.exec(text) ?? []
  return page === undefined ? undefined : readOwn(text, page.length)
}

function plain(of: PayLink["of"], title: string): PayLink {
  return { of, title, parts: [], faults: [] }
}

function readOwn(text: string, from: number): PayLink {
  const [order = ""] = text.slice(from).split(/[?#]/, 1)
  return {
    of: "switch",
    title: "payment page of an order",
    parts: [
      { key: "page", name: "public address", value: text.slice(0, from - payPath.length), at: 0 },
      { key: "order", name: "order", value: order, at: from }
    ],
    faults: isOrderNumber(order)
      ? []
      : [codeFault("order", from, "an order number of 32 hex digits, in small letters")]
  }
}

const unionpay = "https://qr.95516.com/"

/** As seen, which is no rule: 8 digits, then 32; 62 begins a dynamic one, 01 a static one. */
function readUnionpay(text: string): PayLink {
  const seen = /^([0-9]{8})\/((62|01)[0-9]{30})$/.exec(text.slice(unionpay.length))
  if (seen === null) return plain("unionpay", "UnionPay code")
  const [, institution = "", number = "", first] = seen
  const at = unionpay.length
  return {
    of: "unionpay",
    title: `${first === "62" ? "dynamic" : "static"} UnionPay code`,
    parts: [
      { key: "institution", name: "institution", value: institution, at },
      { key: "code", name: "code", value: number, at: at + institution.length + 1 }
    ],
    faults: []
  }
}

/** NPCI, UPI Linking Specifications 1.6, §1.2. */
const upiNames: ReadonlyMap<string, string> = new Map([
  ["pa", "payee address"],
  ["pn", "payee name"],
  ["mc", "merchant category"],
  ["tid", "transaction id"],
  ["tr", "reference"],
  ["tn", "note"],
  ["am", "amount"],
  ["mam", "least amount"],
  ["cu", "currency"],
  ["url", "more about it"],
  ["mode", "how it is begun"],
  ["orgid", "organisation"],
  ["purpose", "purpose"],
  ["sign", "signature"]
])

function readUpi(text: string): PayLink {
  const faults: Array<CodeFault> = []
  const [start = ""] = /^upi:\/\/pay\/?\?/i.exec(text) ?? []
  const done = (parts: ReadonlyArray<LinkPart>): PayLink => ({
    of: "upi",
    title: parts.some(({ key }) => key === "sign") ? "signed UPI code" : "UPI code",
    parts,
    faults: faults.sort((left, right) => left.offset - right.offset)
  })
  if (start === "") {
    faults.push(codeFault("", 0, "upi://pay? in front"))
    return done([])
  }
  const parts: Array<LinkPart> = []
  let from = start.length
  for (const pair of text.slice(from).split("&")) {
    const key = pair.split("=", 1)[0]!
    const at = from + key.length + 1
    const value = unescaped(pair.slice(key.length + 1))
    if (value === undefined) faults.push(codeFault(key, at, "% and two hex digits, or no %"))
    if (parts.some((part) => part.key === key)) {
      faults.push(codeFault(key, from, "a parameter that was not there before"))
    }
    const name = upiNames.get(key) ?? "unknown"
    parts.push({ key, name, value: value ?? pair.slice(key.length + 1), at })
    from += pair.length + 1
  }
  faults.push(...upiFaults(parts, text.length))
  return done(parts)
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function upiFaults(parts: ReadonlyArray<LinkPart>, end: number): ReadonlyArray<CodeFault> {
  const rules: ReadonlyArray<readonly [key: string, (value: string) => boolean, words: string]> = [
    ["pa", (value) => /^[^@\s]+@[^@\s]+$/.test(value), "a payee address, as name@bank"],
    ["pn", () => true, "a payee name"],
    ["am", isRupees, "an amount above zero in rupees, at most two places"],
    ["mam", (value) => value === "null" || isRupees(value), "a least amount in rupees, or null"],
    ["cu", (value) => value === "INR", "INR"],
    ["mc", (value) => /^[0-9]{4}$/.test(value), "a category of four digits"]
  ]
  const needed = new Set(["pa", "pn"])
  return rules.flatMap(([key, isRight, words]) => {
    const part = parts.find((each) => each.key === key && each.value !== "")
    if (part === undefined) return needed.has(key) ? [codeFault(key, end, words)] : []
    return isRight(part.value) ? [] : [codeFault(key, part.at, words)]
  })
}

function isRupees(text: string): boolean {
  return (parseAmount(text, 2) ?? 0) > 0
}
