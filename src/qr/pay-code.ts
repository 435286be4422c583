/**
 * Which wallet a scanned code belongs to. Must hold: digits alone never decide; a number that
 * begins with 62 is a UnionPay card as well as a UnionPay pay code, so the channel must say that a
 * code was scanned. The three digit forms cannot be taken for each other: 10-15, 25-30 and 62.
 */

import type { Scheme } from "../domain/channel.ts"
import { type CodeFault, codeFault } from "./code-fault.ts"
import { consumerCodePrefix } from "./consumer-code.ts"

export interface PayCode {
  readonly scheme: Scheme
  readonly form:
    /** WeChat Pay: 18 digits, 10 to 15 first. */
    | "wechat-digits"
    /** Alipay: 16 to 24 digits, 25 to 30 first. */
    | "alipay-digits"
    /** Alipay's face payment: `fp` and 35 characters. */
    | "alipay-face"
    /** UnionPay, CloudPass: 19 digits, 62 first. */
    | "unionpay-digits"
    /** EMVCo consumer code in base64. */
    | "emv-consumer"
}

const forms: ReadonlyArray<readonly [RegExp, PayCode]> = [
  [/^1[0-5][0-9]{16}$/, { scheme: "wechat", form: "wechat-digits" }],
  [/^(?:2[5-9]|30)[0-9]{14,22}$/, { scheme: "alipay", form: "alipay-digits" }],
  [/^62[0-9]{17}$/, { scheme: "unionpay-qr", form: "unionpay-digits" }],
  [/^fp[0-9A-Za-z]{35}$/, { scheme: "alipay", form: "alipay-face" }],
  [new RegExp(`^${consumerCodePrefix}[A-Za-z0-9+/]*={0,2}$`), {
    scheme: "emv-qr",
    form: "emv-consumer"
  }]
]

/** Longest code that is looked at; a consumer code of 512 bytes is 684 characters. */
const maxPayCodeLength = 684

/** Undefined: no wallet's code, or the channel says that nothing was scanned. */
export function recogniseCode(code: string, channelIsQr: boolean): PayCode | undefined {
  if (!channelIsQr || code.length > maxPayCodeLength) return undefined
  return forms.find(([form]) => form.test(code))?.[1]
}

/** Why digits, or `fp` and what follows, are no pay code: by what they begin with. */
export function payCodeFault(code: string): CodeFault {
  const length = (least: number, most: number, whose: string): CodeFault => {
    const words = least === most ? `${least}` : `${least} to ${most}`
    const expected = `${words} ${code.startsWith("fp") ? "characters" : "digits"}, as ${whose} has`
    return codeFault("", Math.min(code.length, most), expected)
  }
  if (code.startsWith("fp")) return length(37, 37, "Alipay")
  if (/^1[0-5]/.test(code)) return length(18, 18, "WeChat Pay")
  if (/^(?:2[5-9]|30)/.test(code)) return length(16, 24, "Alipay")
  if (code.startsWith("62")) return length(19, 19, "UnionPay")
  return codeFault("", 0, "10 to 15 (WeChat Pay), 25 to 30 (Alipay) or 62 (UnionPay) in front")
}

/** Pay codes are good for one payment, yet they never reach a log whole: first two, last four. */
export function maskPayCode(code: string): string {
  if (code.length <= 6) return "*".repeat(code.length)
  return code.slice(0, 2) + "*".repeat(code.length - 6) + code.slice(-4)
}
