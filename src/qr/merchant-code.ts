/**
 * EMVCo merchant-presented codes (MPM 1.1): what a shop shows and a customer scans. Must hold: a
 * code with a wrong checksum, a missing mandatory object or an illegal amount is never returned;
 * objects we do not know are kept; only "00 first, 63 last" is demanded of the order, because real
 * codes order the rest at will.
 */

import { type CodeFault, codeFault } from "./code-fault.ts"
import { crc16Text } from "./crc16.ts"
import { currencyExponent, parseAmount } from "./currency-exponent.ts"
import { type CodeObject, readObjects, writeObjects } from "./merchant-objects.ts"

/** Characters of a whole code (EMVCo MPM 1.1 §2). */
const maxCodeLength = 512

interface MerchantAccount {
  /** `02` to `51`: which scheme's slot. */
  readonly id: string
  readonly value: string
  /** Sub-id 00 of a template: AID, UUID or reversed domain, as it stands. */
  readonly globalId?: string
}

interface MerchantCode {
  readonly objects: ReadonlyArray<CodeObject>
  /** Object 01: `11` may be used again, `12` is for one payment; absent: not said. */
  readonly initiation?: "static" | "dynamic"
  readonly accounts: ReadonlyArray<MerchantAccount>
  /** ISO 18245. */
  readonly category: string
  /** ISO 4217 numeric. */
  readonly currency: string
  /** Minor units; absent: the customer types it. */
  readonly amount?: number
  readonly tip?:
    | { readonly kind: "asked" }
    | { readonly kind: "fixed"; readonly amount: number }
    /** Hundredths of a percent: `"05.50"` is 550. */
    | { readonly kind: "share"; readonly basisPoints: number }
  /** ISO 3166-1 alpha-2. */
  readonly country: string
  readonly name: string
  readonly city: string
  /** Sub-ids of object 62; `***` means that the customer's application asks. */
  readonly additional: ReadonlyMap<string, string>
}

const mandatory = ["52", "53", "58", "59", "60"]

export function parseMerchantCode(text: string): MerchantCode | CodeFault {
  const characters = Array.from(text.length > maxCodeLength * 4 ? "" : text)
  if (characters.length === 0 || characters.length > maxCodeLength) {
    return codeFault("", 0, `1 to ${maxCodeLength} characters`)
  }
  const checked = checksumFault(text, characters.length)
  if (checked !== undefined) return checked
  const objects = readObjects(characters)
  if ("_tag" in objects) return objects
  if (objects[0]!.id !== "00" || objects[0]!.value !== "01") {
    return codeFault("00", 0, "payload format 01 as the first object")
  }
  const byId = new Map(objects.map((object) => [object.id, object]))
  for (const id of mandatory) {
    if (!byId.has(id)) return codeFault(id, characters.length, `object ${id}`)
  }
  const accounts = objects.filter(({ id }) => id >= "02" && id <= "51").map(account)
  if (accounts.length === 0) {
    return codeFault("02-51", characters.length, "at least one merchant account")
  }
  return meaning(objects, byId, accounts)
}

/** A dynamic or static code for these objects; 63 is added, 00 may be left out. */
export function buildMerchantCode(objects: ReadonlyArray<CodeObject>): string | CodeFault {
  const first: CodeObject = { id: "00", value: "01" }
  const whole = objects[0]?.id === "00" ? objects : [first, ...objects]
  const body = writeObjects(whole.filter(({ id }) => id !== "63"))
  if (typeof body !== "string") return body
  const text = `${body}6304`
  const code = text + crc16Text(Buffer.from(text, "utf8"))
  const parsed = parseMerchantCode(code)
  return "_tag" in parsed ? parsed : code
}

/** The checksum covers the UTF-8 bytes up to and including `6304`. */
function checksumFault(text: string, length: number): CodeFault | undefined {
  if (text.slice(-8, -4) !== "6304") {
    return codeFault("63", Math.max(0, length - 8), "6304 and four hex digits at the end")
  }
  const stands = text.slice(-4).toUpperCase()
  const right = crc16Text(Buffer.from(text.slice(0, -4), "utf8"))
  return stands === right
    ? undefined
    : codeFault("63", length - 4, "the checksum of what stands before it")
}

function account({ children, id, value }: CodeObject): MerchantAccount {
  const globalId = children?.find((child) => child.id === "00")?.value
  return globalId === undefined ? { id, value } : { id, value, globalId }
}

function meaning(
  objects: ReadonlyArray<CodeObject>,
  byId: ReadonlyMap<string, CodeObject>,
  accounts: ReadonlyArray<MerchantAccount>
): MerchantCode | CodeFault {
  const value = (id: string): string | undefined => byId.get(id)?.value
  const category = value("52")!
  if (!/^[0-9]{4}$/.test(category)) return codeFault("52", 0, "a category of four digits")
  const currency = value("53")!
  if (!/^[0-9]{3}$/.test(currency)) return codeFault("53", 0, "a currency of three digits")
  const exponent = currencyExponent(currency)
  const written = value("54")
  const amount = written === undefined ? undefined : parseAmount(written, exponent)
  if (written !== undefined && (amount === undefined || amount === 0 || written.length > 13)) {
    return codeFault("54", 0, "an amount above zero, digits and at most one dot")
  }
  const tip = readTip(value, exponent)
  if (tip !== undefined && "_tag" in tip) return tip
  const initiation = value("01")
  return {
    objects,
    accounts,
    category,
    currency,
    country: value("58")!,
    name: value("59")!,
    city: value("60")!,
    additional: new Map(byId.get("62")?.children?.map((child) => [child.id, child.value])),
    ...(initiation === "11" ? { initiation: "static" } : undefined),
    ...(initiation === "12" ? { initiation: "dynamic" } : undefined),
    ...(amount === undefined ? undefined : { amount }),
    ...(tip === undefined ? undefined : { tip })
  }
}

function readTip(
  value: (id: string) => string | undefined,
  exponent: number
): MerchantCode["tip"] | CodeFault {
  switch (value("55")) {
    case undefined:
      return undefined
    case "01":
      return { kind: "asked" }
    case "02": {
      const amount = parseAmount(value("56") ?? "", exponent)
      return amount === undefined
        ? codeFault("56", 0, "a fixed fee, because 55 says 02")
        : { kind: "fixed", amount }
    }
    case "03": {
      const basisPoints = parseAmount(value("57") ?? "", 2)
      return basisPoints === undefined || basisPoints < 1 || basisPoints > 9999
        ? codeFault("57", 0, "00.01 to 99.99, because 55 says 03")
        : { kind: "share", basisPoints }
    }
    default:
      return codeFault("55", 0, "a tip indicator of 01, 02 or 03")
  }
}
