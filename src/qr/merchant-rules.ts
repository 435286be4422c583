/**
 * What each object of an EMVCo merchant code is called, and what may stand in it (EMVCo MPM 1.1 §3
 * and §4). Must hold: an object that is not here is kept and has no rule; rules that look at more
 * than one object (amounts, tips, what must be there) are in `merchant-code.ts`.
 */

export interface ObjectRule {
  /** For people, in lower case. */
  readonly name: string
  /** How the command line and files name it, where it is one that people set. */
  readonly key?: string
  readonly form?: RegExp
  /** The form in words. */
  readonly words?: string
}

function text(name: string, most: number, key?: string): ObjectRule {
  const form = new RegExp(`^.{1,${most}}$`, "su")
  return { name, form, words: `at most ${most} characters`, ...(key === undefined ? {} : { key }) }
}

const rules: Readonly<Record<string, ObjectRule>> = {
  "00": { name: "payload format", form: /^01$/, words: "payload format 01" },
  "01": { name: "point of initiation", key: "initiation" },
  "52": {
    name: "merchant category",
    key: "category",
    form: /^[0-9]{4}$/,
    words: "a category of four digits"
  },
  "53": {
    name: "currency",
    key: "currency",
    form: /^[0-9]{3}$/,
    words: "a currency of three digits"
  },
  "54": { name: "amount", key: "amount" },
  "55": {
    name: "tip or fee",
    key: "tip",
    form: /^0[123]$/,
    words: "a tip indicator of 01, 02 or 03"
  },
  "56": { name: "fixed fee" },
  "57": { name: "fee in percent" },
  "58": {
    name: "country",
    key: "country",
    form: /^[A-Z]{2}$/,
    words: "a country of two capital letters"
  },
  "59": text("merchant name", 25, "name"),
  "60": text("merchant city", 15, "city"),
  "61": text("postal code", 10, "postal"),
  "62": { name: "additional data" },
  "62.01": text("bill number", 25, "bill"),
  "62.02": text("mobile number", 25, "mobile"),
  "62.03": text("store", 25, "store"),
  "62.04": text("loyalty number", 25, "loyalty"),
  "62.05": text("reference", 25, "reference"),
  "62.06": text("customer", 25, "customer"),
  "62.07": text("terminal", 25, "terminal"),
  "62.08": text("purpose", 25, "purpose"),
  "62.09": {
    name: "asked of the customer",
    key: "request",
    form: /^(?!.*(.).*\1)[AME]{1,3}$/,
    words: "A, M and E, each at most once"
  },
  "62.10": { name: "merchant tax number", key: "tax" },
  "62.11": { name: "merchant channel", key: "channel" },
  "63": { name: "checksum" },
  "64": { name: "in another language" },
  "64.00": {
    name: "language",
    key: "language",
    form: /^[A-Za-z]{2}$/,
    words: "a language of two letters"
  },
  "64.01": text("merchant name", 25, "local-name"),
  "64.02": text("merchant city", 15, "local-city")
}

const globalId = text("global id", 32)

/** Numbers of accounts, first to last id, and whose they are. */
const schemes: ReadonlyArray<readonly [first: number, last: number, name: string]> = [
  [2, 3, "Visa account"],
  [4, 5, "Mastercard account"],
  [6, 8, "reserved by EMVCo"],
  [9, 10, "Discover account"],
  [11, 12, "American Express account"],
  [13, 14, "JCB account"],
  [15, 16, "UnionPay account"],
  [17, 25, "reserved by EMVCo"],
  [26, 51, "merchant account"],
  [65, 79, "reserved by EMVCo"],
  [80, 99, "unreserved template"]
]

/** The rule of an object by its path, as `62.07`; of one that nobody defined, a name alone. */
export function ruleOf(path: string): ObjectRule {
  const known = rules[path]
  if (known !== undefined) return known
  const ids = path.split(".")
  const [id] = ids
  if (ids.length === 1) {
    const number = Number(id)
    const scheme = schemes.find(([first, last]) => number >= first && number <= last)
    return { name: scheme?.[2] ?? "unknown" }
  }
  if (id === "62" || id === "64") {
    if (ids.length === 3) return ids[2] === "00" ? globalId : { name: "of the system above" }
    return { name: id === "62" && ids[1]! >= "50" ? "template of a system" : "reserved by EMVCo" }
  }
  return ids[1] === "00" ? globalId : { name: "of the system above" }
}

/** Paths that people may set by name. */
export const pathsByKey: ReadonlyMap<string, string> = new Map(
  Object.entries(rules).flatMap(([path, { key }]) => key === undefined ? [] : [[key, path]])
)

/** A system of payments whose accounts a code names by a global id. */
interface CodeSystem {
  readonly name: string
  /** Objects that EMVCo demands and its published codes do without. */
  readonly leavesOut?: ReadonlyArray<string>
}

const leavesOut = ["52", "59", "60"]

/** By global id in capitals, as the operators' own published codes have them. */
const systems: ReadonlyMap<string, CodeSystem> = new Map([
  ["A000000524", { name: "UPI and RuPay, India" }],
  ["A000000677010111", { name: "PromptPay transfer, Thailand", leavesOut }],
  ["A000000677010112", { name: "PromptPay bill, Thailand", leavesOut }],
  ["A000000727", { name: "VietQR, Vietnam", leavesOut }],
  ["A000000775", { name: "VNPAY, Vietnam" }],
  ["BR.GOV.BCB.PIX", { name: "Pix, Brazil" }],
  ["ID.CO.QRIS.WWW", { name: "QRIS, Indonesia" }],
  ["SG.PAYNOW", { name: "PayNow, Singapore" }]
])

/** Whose templates carry this global id, where it is one that we know. */
export function systemOf(globalIdText = ""): CodeSystem | undefined {
  return systems.get(globalIdText.toUpperCase())
}
