/**
 * EMV data objects that occur in field 55: names for people, masks for secrets. The masked ones are
 * what PCI DSS calls account data: they may never be stored after authorisation. Source: EMV Book 3
 * annex A, and EMV 4.3 Book 4 for the kernel's own.
 */

import type { Mask } from "./mask.ts"

interface EmvTag {
  readonly name: string
  readonly mask: Mask
  readonly neverStored: boolean
}

const names: Readonly<Record<string, string>> = {
  "4F": "application identifier",
  "50": "application label",
  "61": "application template",
  "6F": "file control information",
  "70": "record template",
  "71": "issuer script template 1",
  "72": "issuer script template 2",
  "77": "response template",
  "82": "application interchange profile",
  "84": "dedicated file name",
  "86": "issuer script command",
  "8A": "authorisation response code",
  "8E": "cardholder verification method list",
  "91": "issuer authentication data",
  "95": "terminal verification results",
  "9A": "transaction date",
  "9B": "transaction status information",
  "9C": "transaction type",
  "5F24": "application expiry",
  "5F2A": "transaction currency",
  "5F34": "card sequence number",
  "9F02": "amount, authorised",
  "9F03": "amount, other",
  "9F06": "application identifier of the terminal",
  "9F09": "application version",
  "9F10": "issuer application data",
  "9F1A": "terminal country",
  "9F1E": "interface device serial number",
  "9F21": "transaction time",
  "9F26": "application cryptogram",
  "9F27": "cryptogram information",
  "9F33": "terminal capabilities",
  "9F34": "cardholder verification results",
  "9F35": "terminal type",
  "9F36": "application transaction counter",
  "9F37": "unpredictable number",
  "9F41": "transaction sequence counter",
  "9F53": "transaction category",
  "9F5D": "available offline balance",
  "9F63": "card product identification",
  "9F66": "terminal transaction qualifiers",
  "9F6C": "card transaction qualifiers",
  "9F74": "electronic cash issuer authorisation code",
  "9F79": "electronic cash balance",
  "DF31": "issuer script results"
}

const secrets: Readonly<Record<string, readonly [string, Mask]>> = {
  "5A": ["card number", "pan"],
  "56": ["track 1 data", "hidden"],
  "57": ["track 2 equivalent data", "track"],
  "5F20": ["cardholder name", "hidden"],
  "9F0B": ["cardholder name, extended", "hidden"],
  "9F1F": ["track 1 discretionary data", "hidden"],
  "9F20": ["track 2 discretionary data", "hidden"],
  "9F6B": ["track 2 data", "track"],
  "99": ["PIN", "hidden"]
}

export const emvTags: ReadonlyMap<string, EmvTag> = new Map([
  ...Object.entries(names).map(([tag, name]) =>
    [tag, { name, mask: "none", neverStored: false }] as const
  ),
  ...Object.entries(secrets).map(([tag, [name, mask]]) =>
    [tag, { name, mask, neverStored: tag !== "5A" }] as const
  )
])
