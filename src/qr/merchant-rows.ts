/** A shop's code as lines for people: every object by name, and what its value means. */

import { type CodeRow, shownNumber, shownText } from "./code-row.ts"
import { currencyExponent, currencyName, formatAmount, parseAmount } from "./currency-exponent.ts"
import type { MerchantReading } from "./merchant-code.ts"
import type { ReadObject } from "./merchant-objects.ts"
import { ruleOf, systemOf } from "./merchant-rules.ts"

export function merchantRows(reading: MerchantReading): ReadonlyArray<CodeRow> {
  const currency = reading.objects.find(({ id }) => id === "53")?.value ?? ""
  return rowsOf(reading.objects, "", { checksum: reading.checksum, currency })
}

/** What the meaning of an object depends on. */
interface Setting {
  readonly checksum: string | undefined
  readonly currency: string
}

function rowsOf(
  objects: ReadonlyArray<ReadObject>,
  above: string,
  setting: Setting
): ReadonlyArray<CodeRow> {
  const rows: Array<CodeRow> = []
  for (const { at, children, cut, id, value } of objects) {
    const path = above === "" ? id : `${above}.${id}`
    rows.push({
      path,
      depth: above === "" ? 0 : above.split(".").length,
      name: ruleOf(path).name,
      offset: at,
      length: Array.from(value).length,
      value: children === undefined || cut === true ? valueOf(path, value) : "",
      note: noteOf(path, value, setting)
    })
    if (children !== undefined) rows.push(...rowsOf(children, path, setting))
  }
  return rows
}

function valueOf(path: string, value: string): string {
  // Seen: acquirer, forwarding institution, merchant.
  if (/^1[56]$/.test(path) && value.length === 31) {
    return [value.slice(0, 8), value.slice(8, 16), value.slice(16)].map(shownText).join(" ")
  }
  return path >= "02" && path < "26" ? shownNumber(value) : shownText(value)
}

function noteOf(path: string, value: string, { checksum, currency }: Setting): string {
  const money = () => {
    const exponent = currencyExponent(currency)
    const minor = parseAmount(value, exponent)
    return minor === undefined ? "" : `${formatAmount(minor, exponent)} ${currencyName(currency)}`
  }
  switch (path) {
    case "01":
      return value === "11" ? "static" : value === "12" ? "dynamic, for one payment" : ""
    case "15":
    case "16":
      return value.length === 31 ? "acquirer, forwarding institution, merchant" : ""
    case "53":
      return currencyName(value) === value ? "" : currencyName(value)
    case "54":
    case "56":
      return money()
    case "55":
      return tips[value] ?? ""
    case "57":
      return `${value} %`
    case "62.09":
      return Array.from(value, (letter) => asked[letter] ?? "").join(", ")
    case "63":
      return value === checksum ? "right" : `wrong: ${checksum ?? "of what?"}`
  }
  if (value === "***") return "the customer's application asks"
  return path.endsWith(".00") && !path.startsWith("64") ? systemOf(value)?.name ?? "" : ""
}

const tips: Readonly<Record<string, string>> = {
  "01": "the customer is asked for a tip",
  "02": "a fixed fee is added",
  "03": "a fee in percent is added"
}

const asked: Readonly<Record<string, string>> = { A: "address", M: "mobile number", E: "e-mail" }
