/**
 * The values of a shop's code, by name or by the path of an object, from flags and from a file.
 * What must hold: every value stays the text that was given, zeros in front included; a name that
 * is none is refused, never left out.
 */

import { parse } from "yaml"
import { suggestion } from "../config/suggest.ts"
import { currencyNumber } from "../qr/currency-exponent.ts"
import { type CodeObject, isTemplate } from "../qr/merchant-objects.ts"
import { pathsByKey, ruleOf } from "../qr/merchant-rules.ts"
import { readGiven } from "./given-file.ts"
import { type Call, type Flag, Refusal } from "./verb.ts"

const abouts: Readonly<Record<string, string>> = {
  initiation: "static or dynamic; absent: static",
  category: "ISO 18245, four digits",
  currency: "ISO 4217, three letters or digits",
  amount: "as the customer reads it: 23.72; absent: the customer types it",
  tip: "asked, a fixed fee as 1.50, or a share as 5%",
  country: "ISO 3166-1, two letters",
  request: "what the customer is asked for: A address, M mobile number, E e-mail"
}

/** One flag for each object that has a name. */
export const valueFlags: Readonly<Record<string, Flag>> = Object.fromEntries(
  Array.from(pathsByKey, ([key, path]): readonly [string, Flag] => {
    const { name, words } = ruleOf(path)
    const about = abouts[key] ?? (words === undefined ? name : `${name}, ${words}`)
    return [key, { type: "text", value: "<text>", about: `${about} (${path})` }]
  })
)

export const setFlag: Flag = {
  type: "text",
  value: "<pairs>",
  about: "objects by path: 29.00=com.example,29.01=12345; a value with a comma belongs in a file"
}

/** Values by path, those of flags over those of the file. */
export function givenValues(call: Call): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  const put = (name: string, value: string): void => {
    for (const [path, text] of byPath(name, value)) values.set(path, text)
  }
  const file = call.text("values")
  if (file !== undefined) {
    for (const [name, value] of fileValues(file)) put(name, value)
  }
  for (const key of pathsByKey.keys()) {
    const value = call.text(key)
    if (value !== undefined) put(key, value)
  }
  for (const pair of call.text("set")?.split(",") ?? []) {
    const [, path, value] = /^([0-9.]+)=(.+)$/s.exec(pair) ?? []
    if (path === undefined) {
      throw new Refusal(2, `--set ${pair}: expected a path and a value, as 29.00=com.example`)
    }
    put(path, value!)
  }
  if (!values.has("01")) values.set("01", "11")
  return values
}

/** Names and paths of a file, JSON or YAML; a template may be a map of its sub-ids. */
function fileValues(file: string): ReadonlyArray<readonly [name: string, value: string]> {
  let document: unknown
  try {
    // Every value is the text that stands there: 0742 is not 742, and NO is a country.
    document = parse(readGiven(file).toString(), { schema: "failsafe" })
  } catch (error) {
    if (error instanceof Refusal) throw error
    const [line] = (error as Error).message.split("\n")
    throw new Refusal(2, `${file}: neither YAML nor JSON: ${line}`)
  }
  const pairs: Array<readonly [string, string]> = []
  const walk = (value: unknown, above: string): void => {
    if (typeof value === "string") return void pairs.push([above, value])
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      throw new Refusal(2, `${file}: ${above || "the whole"}: expected names and their values`)
    }
    for (const [key, each] of Object.entries(value)) {
      walk(each, above === "" ? key : `${above}.${key}`)
    }
  }
  walk(document, "")
  return pairs
}

function byPath(name: string, value: string): ReadonlyArray<readonly [string, string]> {
  if (/^[0-9]{2}(?:\.[0-9]{2}){0,2}$/.test(name)) {
    if (name === "00" || name === "63") throw new Refusal(2, `${name}: is made here`)
    return [[name, value]]
  }
  const path = pathsByKey.get(name)
  if (path === undefined) {
    const near = suggestion(name, pathsByKey.keys())
    throw new Refusal(2, `${name}: no such value.${near} An object's path has two digits a level`)
  }
  switch (name) {
    case "initiation": {
      const digits = { static: "11", dynamic: "12" }[value]
      if (digits === undefined) throw new Refusal(2, `${name} ${value}: use static or dynamic`)
      return [[path, digits]]
    }
    case "currency": {
      const digits = currencyNumber(value)
      if (digits === undefined) {
        throw new Refusal(2, `${name} ${value}: letters that are not known here; use its digits`)
      }
      return [[path, digits]]
    }
    case "tip":
      return tipObjects(value)
    default:
      return [[path, value]]
  }
}

function tipObjects(value: string): ReadonlyArray<readonly [string, string]> {
  if (value === "asked") return [["55", "01"]]
  return value.endsWith("%")
    ? [["55", "03"], ["57", value.slice(0, -1)]]
    : [["55", "02"], ["56", value]]
}

/** Objects in the order of their ids, the sub-ids of a template under it. */
export function objectsOf(values: ReadonlyMap<string, string>): ReadonlyArray<CodeObject> {
  return levelOf(values, "")
}

function levelOf(values: ReadonlyMap<string, string>, above: string): ReadonlyArray<CodeObject> {
  const from = above === "" ? 0 : above.length + 1
  const ids = new Set(
    [...values.keys()].filter((path) => above === "" || path.startsWith(`${above}.`))
      .map((path) => path.slice(from, from + 2))
  )
  return [...ids].sort().map((id) => {
    const path = above === "" ? id : `${above}.${id}`
    const children = levelOf(values, path)
    const value = values.get(path)
    if (children.length === 0) return { id, value: value! }
    if (value !== undefined) throw new Refusal(2, `${path}: has a value and objects in it`)
    if (!isTemplate(above, id)) throw new Refusal(2, `${path}: holds no other objects`)
    return { id, value: "", children }
  })
}
