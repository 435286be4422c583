/**
 * EMVCo merchant-presented codes (MPM 1.1): what a shop shows and a customer scans. Must hold: a
 * code with a wrong checksum, a missing mandatory object or an illegal amount is never returned;
 * everything that is wrong is named with its place; objects we do not know are kept; only "00
 * first, 63 last" is demanded of the order, because real codes order the rest at will; what a
 * national system leaves out is not missed in its codes.
 */

import { type CodeFault, codeFault } from "./code-fault.ts"
import { crc16Text } from "./crc16.ts"
import { currencyExponent, parseAmount } from "./currency-exponent.ts"
import { type CodeObject, type ReadObject, readObjects, writeObjects } from "./merchant-objects.ts"
import { ruleOf, systemOf } from "./merchant-rules.ts"

/** Characters of a whole code (EMVCo MPM 1.1 §2). */
const maxCodeLength = 512

interface MerchantAccount {
  /** `02` to `51`: which scheme's slot. */
  readonly id: string
  readonly value: string
  /** Sub-id 00 of a template: AID, UUID or reversed domain, as it stands. */
  readonly globalId?: string
}

export interface MerchantCode {
  readonly objects: ReadonlyArray<ReadObject>
  /** Object 01: `11` may be used again, `12` is for one payment; absent: not said. */
  readonly initiation?: "static" | "dynamic"
  readonly accounts: ReadonlyArray<MerchantAccount>
  /** ISO 18245; absent, as name and city: where the system of an account leaves it out. */
  readonly category?: string
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
  readonly name?: string
  readonly city?: string
  /** Sub-ids of object 62; `***` means that the customer's application asks. */
  readonly additional: ReadonlyMap<string, string>
}

/** As much of a code as can be read, right or wrong. */
export interface MerchantReading {
  readonly characters: number
  readonly objects: ReadonlyArray<ReadObject>
  /** The checksum that would be right for what stands before its digits. */
  readonly checksum: string | undefined
  /** By place, the first first. */
  readonly faults: ReadonlyArray<CodeFault>
  /** Present where nothing is wrong. */
  readonly code?: MerchantCode
}

export function readMerchantCode(text: string): MerchantReading {
  const characters = Array.from(text.length > maxCodeLength * 4 ? "" : text)
  if (characters.length === 0) {
    const fault = codeFault("", 0, `1 to ${maxCodeLength} characters`)
    return { characters: 0, objects: [], checksum: undefined, faults: [fault] }
  }
  const { faults: structural, objects, whole } = readObjects(characters)
  const faults = [
    ...checksumFaults(text, characters.length, objects, whole),
    ...structural,
    ...formFaults(objects),
    ...relationFaults(objects)
  ]
  if (characters.length > maxCodeLength) {
    faults.push(codeFault("", maxCodeLength, `at most ${maxCodeLength} characters`))
  }
  if (objects[0]?.id !== "00") {
    faults.push(codeFault("00", 0, "payload format 01 as the first object"))
  }
  // What is behind a place that cannot be read may well be there.
  if (whole) faults.push(...absenceFaults(objects, characters.length))
  faults.sort((left, right) => left.offset - right.offset)
  const read = {
    characters: characters.length,
    objects,
    checksum: text.slice(-8, -4) === "6304" ? checksumOf(text.slice(0, -4)) : undefined,
    faults
  }
  return faults.length > 0 ? read : { ...read, code: meaning(objects) }
}

/** The code, or the first thing that is wrong with it. */
export function parseMerchantCode(text: string): MerchantCode | CodeFault {
  const { code, faults } = readMerchantCode(text)
  return code ?? faults[0]!
}

/** A code for these objects, or everything that is wrong; 63 is added, 00 may be left out. */
export function buildMerchantCode(
  objects: ReadonlyArray<CodeObject>
): string | ReadonlyArray<CodeFault> {
  const first: CodeObject = { id: "00", value: "01" }
  const whole = objects[0]?.id === "00" ? objects : [first, ...objects]
  const body = writeObjects(whole.filter(({ id }) => id !== "63"))
  if (typeof body !== "string") return [body]
  const code = `${body}6304${checksumOf(`${body}6304`)}`
  const { faults } = readMerchantCode(code)
  return faults.length > 0 ? faults : code
}

/** Over the UTF-8 bytes up to and including `6304`. */
function checksumOf(text: string): string {
  return crc16Text(Buffer.from(text, "utf8"))
}

/** Compared as four characters: a zero in front counts, and so does a small letter. */
function checksumFaults(
  text: string,
  length: number,
  objects: ReadonlyArray<ReadObject>,
  whole: boolean
): ReadonlyArray<CodeFault> {
  if (text.slice(-8, -4) !== "6304" || (whole && objects.at(-1)?.id !== "63")) {
    return [codeFault("63", Math.max(0, length - 8), "6304 and four hex digits at the end")]
  }
  const right = checksumOf(text.slice(0, -4))
  const stands = text.slice(-4)
  if (stands === right) return []
  const words = stands.toUpperCase() === right
    ? `${right} in capital letters`
    : `${right}, the checksum of what stands before it`
  return [codeFault("63", length - 4, words)]
}

const mandatory = ["52", "53", "58", "59", "60"]

function absenceFaults(
  objects: ReadonlyArray<ReadObject>,
  end: number
): ReadonlyArray<CodeFault> {
  const present = new Set(objects.map(({ id }) => id))
  for (const { globalId } of objects.filter(isAccount).map(account)) {
    for (const id of systemOf(globalId)?.leavesOut ?? []) present.add(id)
  }
  const faults = mandatory.filter((id) => !present.has(id))
    .map((id) => codeFault(id, end, `object ${id}, ${ruleOf(id).name}`))
  if (!objects.some(isAccount)) {
    faults.push(codeFault("02-51", end, "at least one merchant account"))
  }
  return faults
}

/** What must be in a template. */
function needed(above: string, id: string): ReadonlyArray<string> {
  if (above === "62") return ["00"]
  if (id === "62") return []
  return id === "64" ? ["00", "01"] : ["00"]
}

function formFaults(
  objects: ReadonlyArray<ReadObject>,
  above = ""
): ReadonlyArray<CodeFault> {
  const faults: Array<CodeFault> = []
  for (const { at, children, cut, id, value } of objects) {
    const path = above === "" ? id : `${above}.${id}`
    if (children === undefined) {
      const { form, words = "" } = ruleOf(path)
      if (form !== undefined && !form.test(value)) faults.push(codeFault(path, at + 4, words))
      continue
    }
    faults.push(...formFaults(children, path))
    for (const each of cut === true ? [] : needed(above, id)) {
      if (children.some((child) => child.id === each)) continue
      const name = ruleOf(`${path}.${each}`).name
      const end = at + 4 + Array.from(value).length
      faults.push(codeFault(`${path}.${each}`, end, `object ${each}, ${name}`))
    }
  }
  return faults
}

/** Amounts, which mean something in their currency alone, and the objects of a tip. */
function relationFaults(objects: ReadonlyArray<ReadObject>): ReadonlyArray<CodeFault> {
  const byId = new Map(objects.map((object) => [object.id, object]))
  const faults: Array<CodeFault> = []
  const fault = (id: string, expected: string) =>
    faults.push(codeFault(id, (byId.get(id) ?? byId.get("55"))!.at + 4, expected))
  const exponent = currencyExponent(byId.get("53")?.value ?? "")
  const written = byId.get("54")?.value
  if (
    written !== undefined && !(written.length <= 13 && (parseAmount(written, exponent) ?? 0) > 0)
  ) {
    fault("54", `an amount above zero, digits and at most one dot, ${exponent} places behind it`)
  }
  const indicator = byId.get("55")?.value
  const fee = byId.get("56")?.value
  const share = byId.get("57")?.value
  if (indicator === "02" && !isFee(fee, exponent)) fault("56", "a fixed fee, because 55 says 02")
  if (indicator === "03" && !isShare(share)) fault("57", "00.01 to 99.99, because 55 says 03")
  if (fee !== undefined && indicator !== "02") fault("56", "no fixed fee, unless 55 says 02")
  if (share !== undefined && indicator !== "03") fault("57", "no percentage, unless 55 says 03")
  return faults
}

function isFee(text: string | undefined, exponent: number): boolean {
  return text !== undefined && text.length <= 13 && parseAmount(text, exponent) !== undefined
}

function isShare(text = ""): boolean {
  const basisPoints = text.length <= 5 ? parseAmount(text, 2) : undefined
  return basisPoints !== undefined && basisPoints >= 1 && basisPoints <= 9999
}

function isAccount({ id }: CodeObject): boolean {
  return id >= "02" && id <= "51"
}

function account({ children, id, value }: CodeObject): MerchantAccount {
  const globalId = children?.find((child) => child.id === "00")?.value
  return globalId === undefined ? { id, value } : { id, value, globalId }
}

/** Of objects that nothing is wrong with. */
function meaning(objects: ReadonlyArray<ReadObject>): MerchantCode {
  const byId = new Map(objects.map((object) => [object.id, object]))
  const value = (id: string): string | undefined => byId.get(id)?.value
  const currency = value("53")!
  const exponent = currencyExponent(currency)
  const written = value("54")
  const tip = tipOf(value, exponent)
  const initiation = value("01")
  return {
    objects,
    accounts: objects.filter(isAccount).map(account),
    currency,
    country: value("58")!,
    additional: new Map(byId.get("62")?.children?.map((child) => [child.id, child.value])),
    ...optional("category", value("52")),
    ...optional("name", value("59")),
    ...optional("city", value("60")),
    ...(initiation === "11" ? { initiation: "static" } : undefined),
    ...(initiation === "12" ? { initiation: "dynamic" } : undefined),
    ...(written === undefined ? undefined : { amount: parseAmount(written, exponent)! }),
    ...(tip === undefined ? undefined : { tip })
  }
}

function optional<K extends string>(key: K, text: string | undefined) {
  return text === undefined ? undefined : { [key]: text } as { readonly [key in K]: string }
}

function tipOf(
  value: (id: string) => string | undefined,
  exponent: number
): MerchantCode["tip"] {
  switch (value("55")) {
    case "01":
      return { kind: "asked" }
    case "02":
      return { kind: "fixed", amount: parseAmount(value("56")!, exponent)! }
    case "03":
      return { kind: "share", basisPoints: parseAmount(value("57")!, 2)! }
    default:
      return undefined
  }
}
