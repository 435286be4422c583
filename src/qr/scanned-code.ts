/**
 * What a scanned text is: an EMVCo code of a shop or of a customer, a wallet's pay code, a link to
 * pay by, or none of them. Must hold: any text gives one answer, and what is damaged is still told
 * by what it was, with everything that is wrong.
 */

import { type CodeFault, codeFault } from "./code-fault.ts"
import { consumerCodePrefix, type ConsumerReading, readConsumerCode } from "./consumer-code.ts"
import { type MerchantReading, readMerchantCode } from "./merchant-code.ts"
import { type PayCode, payCodeFault, recogniseCode } from "./pay-code.ts"
import { type PayLink, readPayLink } from "./pay-link.ts"

export type ScannedCode =
  | { readonly kind: "merchant"; readonly reading: MerchantReading }
  | { readonly kind: "consumer"; readonly reading: ConsumerReading }
  | { readonly kind: "pay-code"; readonly code: string; readonly payCode: PayCode }
  | { readonly kind: "link"; readonly link: PayLink }
  | { readonly kind: "none"; readonly fault: CodeFault }

/** More than any QR code holds. */
const maxScannedLength = 7_089

export function readScanned(text: string): ScannedCode {
  if (text.length > maxScannedLength) {
    return none(codeFault("", maxScannedLength, `at most ${maxScannedLength} characters`))
  }
  // As a customer shows it, whatever is wrong behind its first object.
  if (text.startsWith(consumerCodePrefix)) {
    return { kind: "consumer", reading: readConsumerCode(text) }
  }
  const payCode = recogniseCode(text, true)
  if (payCode !== undefined) return { kind: "pay-code", code: text, payCode }
  const link = readPayLink(text)
  if (link !== undefined) return { kind: "link", link }
  const likePayCode = /^(?:[0-9]{13,25}|fp[0-9A-Za-z]*)$/.test(text)
  if (text.startsWith("0002") || (!likePayCode && /6304[0-9A-Fa-f]{0,4}$/.test(text))) {
    return { kind: "merchant", reading: readMerchantCode(text) }
  }
  if (likePayCode) return none(payCodeFault(text))
  return none(codeFault("", 0, expectedInFront))
}

const expectedInFront =
  "0002 (a shop's EMVCo code), hQVDUFYw (a customer's), the digits of a pay " +
  "code, or a link to pay by"

function none(fault: CodeFault): ScannedCode {
  return { kind: "none", fault }
}

/** Everything that is wrong, the first first. */
export function faultsOf(scanned: ScannedCode): ReadonlyArray<CodeFault> {
  switch (scanned.kind) {
    case "merchant":
    case "consumer":
      return scanned.reading.faults
    case "pay-code":
      return []
    case "link":
      return scanned.link.faults
    case "none":
      return [scanned.fault]
  }
}
