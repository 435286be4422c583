/**
 * Decimal places of currencies, and amounts as people and wallets write them. ISO 4217 numeric
 * codes; whatever is not listed has two places. Wallets name some of them by letters.
 */

const exponents = new Map<string, number>([
  // No minor unit.
  ...[
    "108",
    "152",
    "174",
    "262",
    "324",
    "352",
    "392",
    "410",
    "548",
    "600",
    "646",
    "704",
    "800",
    "950",
    "952",
    "953"
  ].map((code) => [code, 0] as const),
  // Thousandths.
  ...["048", "368", "400", "414", "434", "512", "788"].map((code) => [code, 3] as const)
])

/** Currencies that WeChat Pay and Alipay name. */
const lettered: ReadonlyMap<string, string> = new Map([
  ["AED", "784"],
  ["AUD", "036"],
  ["CAD", "124"],
  ["CHF", "756"],
  ["CNY", "156"],
  ["CZK", "203"],
  ["DKK", "208"],
  ["EUR", "978"],
  ["GBP", "826"],
  ["HKD", "344"],
  ["IDR", "360"],
  ["ILS", "376"],
  ["JPY", "392"],
  ["KRW", "410"],
  ["LKR", "144"],
  ["MUR", "480"],
  ["MYR", "458"],
  ["NOK", "578"],
  ["NZD", "554"],
  ["PHP", "608"],
  ["RUB", "643"],
  ["SEK", "752"],
  ["SGD", "702"],
  ["THB", "764"],
  ["TWD", "901"],
  ["USD", "840"],
  ["ZAR", "710"]
])

/** `"CNY"` is `"156"`; undefined: letters that no wallet of ours was known to use. */
export function numericCurrency(letters: string): string | undefined {
  return lettered.get(letters)
}

/** Met in shops' codes, and in no wallet's notice. */
const elsewhere: ReadonlyMap<string, string> = new Map([
  ["BDT", "050"],
  ["BND", "096"],
  ["BRL", "986"],
  ["INR", "356"],
  ["KHR", "116"],
  ["LAK", "418"],
  ["MMK", "104"],
  ["MOP", "446"],
  ["NPR", "524"],
  ["PKR", "586"],
  ["SAR", "682"],
  ["VND", "704"]
])

const byNumber = new Map([...lettered, ...elsewhere].map(([letters, code]) => [code, letters]))

/** `"156"` is `"CNY"`, for people; a currency that nobody met here keeps its number. */
export function currencyName(code: string): string {
  return byNumber.get(code) ?? code
}

/** As people write a currency: `"CNY"` or `"156"`; undefined: letters that are not known here. */
export function currencyNumber(text: string): string | undefined {
  if (/^[0-9]{3}$/.test(text)) return text
  return lettered.get(text) ?? elsewhere.get(text)
}

export function currencyExponent(currency: string): number {
  return exponents.get(currency) ?? 2
}

/**
 * `"98.7"` in CNY is 9870. At most one dot, no sign, no comma, no space; `"98."` is legal in EMVCo
 * codes. Undefined: not an amount, more places than the currency has, or not a safe integer.
 */
export function parseAmount(text: string, exponent: number): number | undefined {
  if (!/^[0-9]+(\.[0-9]*)?$/.test(text)) return undefined
  const [whole = "", places = ""] = text.split(".")
  const kept = places.slice(0, exponent)
  if (/[1-9]/.test(places.slice(exponent))) return undefined
  const minor = Number(whole + kept.padEnd(exponent, "0"))
  return Number.isSafeInteger(minor) ? minor : undefined
}

/** 9870 in CNY is `"98.70"`: all places, always a dot where there are any. */
export function formatAmount(minor: number, exponent: number): string {
  const digits = String(minor).padStart(exponent + 1, "0")
  if (exponent === 0) return digits
  return `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`
}
