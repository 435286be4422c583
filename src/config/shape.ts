/**
 * Shapes: what a value in a configuration file may be, as data. One description reads the file,
 * gives the defaults, says what is wrong and where, and writes the reference (docs/reference) and
 * the schema by which editors complete and check.
 * What must hold: reading never throws, goes on after a fault to find the next one, and a key that
 * no shape names is a fault.
 */

import { isMap, isScalar, isSeq, type Node } from "yaml"
import { maskText } from "../domain/pan.ts"
import { suggestion } from "./suggest.ts"
import type { YamlSource } from "./yaml-source.ts"

export type Keywords = Readonly<Record<string, unknown>>

export interface Shape<A> {
  /** In words, after "expected": `a whole number from 1 to 65535`. */
  readonly words: string
  /** The same in the keywords of JSON Schema, without what `fields` and `element` say. */
  readonly keywords: Keywords
  /** Undefined after a fault was noted. */
  readonly read: (node: Node, path: string, source: YamlSource) => A | undefined
  /** The value of an absent key whose shape has one of its own: a record of defaults. */
  readonly absent?: (path: string, source: YamlSource) => A | undefined
  /** For the reference: the fields of a record, the shape inside a list or a table. */
  readonly fields?: Fields
  readonly element?: Shape<unknown>
  /** What may stand for the whole record. */
  readonly short?: Shape<unknown>
  /** The value is a path relative to the file, or a secret, which may rest at one. */
  readonly names?: "path" | "secret"
}

/** May a reload change it while the switch runs? */
export type Change = "live" | "restart"

export interface Field<A> {
  readonly shape: Shape<A>
  /** One sentence for the reference. */
  readonly about: string
  readonly presence: "required" | "optional" | "defaulted"
  readonly fallback?: A
  readonly change: Change
}

type Fields = Readonly<Record<string, Field<unknown>>>

interface OptionalField<A> extends Field<A> {
  readonly presence: "optional"
}

interface PresentField<A> extends Field<A> {
  readonly presence: "required" | "defaulted"
}

type OptionalNames<F> = {
  [K in keyof F]: F[K] extends { readonly presence: "optional" } ? K : never
}[keyof F]
type Value<T> = T extends Field<infer A> ? A : never

type RecordOf<F> =
  & { readonly [K in Exclude<keyof F, OptionalNames<F>>]: Value<F[K]> }
  & { readonly [K in OptionalNames<F>]?: Value<F[K]> }

export function required<A>(
  shape: Shape<A>,
  about: string,
  change: Change = "restart"
): PresentField<A> {
  return { shape, about, presence: "required", change }
}

export function defaulted<A>(
  shape: Shape<A>,
  fallback: A,
  about: string,
  change: Change = "restart"
): PresentField<A> {
  return { shape, about, presence: "defaulted", fallback, change }
}

export function optional<A>(
  shape: Shape<A>,
  about: string,
  change: Change = "restart"
): OptionalField<A> {
  return { shape, about, presence: "optional", change }
}

/** A record that may be left out whole: then all of its own defaults hold. */
export function section<A>(shape: Shape<A>, about: string): PresentField<A> {
  return { shape, about, presence: "required", change: "restart" }
}

export function text(words: string, pattern = /^[^\p{Cc}]{1,200}$/u): Shape<string> {
  const keywords = { type: ["string", "number"], pattern: pattern.source }
  return scalar(words, keywords, (value, written) => {
    // A name such as 0010 is a number to YAML; what was written is what is meant.
    const word = typeof value === "number" ? written : value
    return typeof word === "string" && pattern.test(word) ? word : undefined
  })
}

export function wholeNumber(least: number, most: number, unit = ""): Shape<number> {
  const words = `a whole number ${unit === "" ? "" : `of ${unit} `}from ${least} to ${most}`
  return scalar(words, { type: "integer", minimum: least, maximum: most }, (value) => {
    const fits = Number.isSafeInteger(value) && (value as number) >= least
    return fits && (value as number) <= most ? value as number : undefined
  })
}

/** A part of a whole, above 0 and up to 1. */
export const share: Shape<number> = scalar(
  "a share above 0 and up to 1",
  { type: "number", exclusiveMinimum: 0, maximum: 1 },
  (value) => typeof value === "number" && value > 0 && value <= 1 ? value : undefined
)

export const flag: Shape<boolean> = scalar(
  "true or false",
  { type: "boolean" },
  (value) => typeof value === "boolean" ? value : undefined
)

export function choice<const A extends string>(choices: ReadonlyArray<A>): Shape<A> {
  const words = `one of ${choices.join(", ")}`
  return {
    words,
    keywords: { enum: choices },
    read: (node, path, source) => {
      const value = isScalar(node) ? node.value : undefined
      const found = choices.find((each) => each === value)
      if (found !== undefined) return found
      const near = typeof value === "string" ? suggestion(value, choices) : ""
      return source.fault(path, `${shown(node)}: expected ${words}.${near}`)
    }
  }
}

function scalar<A>(
  words: string,
  keywords: Keywords,
  take: (value: unknown, written: string | undefined) => A | undefined
): Shape<A> {
  return {
    words,
    keywords,
    read: (node, path, source) => {
      const value = isScalar(node) ? take(node.value, node.source) : undefined
      return value ?? source.fault(path, `${shown(node)}: expected ${words}`)
    }
  }
}

export function list<A>(element: Shape<A>, least = 0): Shape<ReadonlyArray<A>> {
  const words = least === 0 ? "a list" : `a list of at least ${least}`
  return {
    words,
    keywords: { type: "array", minItems: least },
    element,
    read: (node, path, source) => {
      if (!isSeq(node)) return source.fault(path, `${shown(node)}: expected ${words}`)
      if (node.items.length < least) return source.fault(path, `expected ${words}`)
      const read = node.items.map((item, index) =>
        readAt(element, item as Node, `${path}[${index}]`, source)
      )
      return read.every((each) => each !== undefined) ? read : undefined
    }
  }
}

/** Names of the writer's own choice, each with a value of one shape. */
export function table<A>(element: Shape<A>): Shape<Readonly<Record<string, A>>> {
  return {
    words: "a table of names and values",
    keywords: { type: "object" },
    element,
    read: (node, path, source) => {
      if (!isMap(node)) return source.fault(path, `${shown(node)}: expected names and values`)
      const entries: Array<readonly [string, A]> = []
      for (const { key, value } of node.items) {
        const name = String(isScalar(key) ? key.value : key)
        const read = readAt(element, value as Node, `${path}.${name}`, source)
        if (read !== undefined) entries.push([name, read])
      }
      return Object.fromEntries(entries)
    }
  }
}

export function record<const F extends Fields>(fields: F): Shape<RecordOf<F>> {
  const names = Object.keys(fields)
  const read = (node: Node | undefined, path: string, source: YamlSource) => {
    if (node !== undefined && !isMap(node)) {
      return source.fault(path, `${shown(node)}: expected keys such as ${names[0]}`)
    }
    const given = new Map<string, Node>()
    for (const { key, value } of node?.items ?? []) {
      const name = String(isScalar(key) ? key.value : key)
      const at = join(path, name)
      if (Object.hasOwn(fields, name)) given.set(name, value as Node)
      else source.fault(at, `unknown key.${suggestion(name, names)}`)
    }
    return readFields(fields, given, path, source) as RecordOf<F> | undefined
  }
  return {
    words: "keys",
    keywords: { type: "object" },
    fields,
    read,
    absent: (path, source) => read(undefined, path, source)
  }
}

/** A record, or what may stand for it. */
export function shortOr<A, B>(short: Shape<A>, whole: Shape<B>): Shape<A | B> {
  const { fields = {}, keywords } = whole
  return {
    words: `${short.words}, or { ${Object.keys(fields).join(", ")} }`,
    keywords,
    fields,
    short,
    read: (node, path, source) => (isMap(node) ? whole : short).read(node, path, source)
  }
}

function readFields(
  fields: Fields,
  given: ReadonlyMap<string, Node>,
  path: string,
  source: YamlSource
): unknown {
  const values: Record<string, unknown> = {}
  let whole = true
  for (const [name, field] of Object.entries(fields)) {
    const at = join(path, name)
    const node = given.get(name)
    const empty = node === undefined || node === null ||
      isScalar(node) && node.value === null
    // Whoever writes `tls:` wants TLS: a key without a value is no key that was left out.
    if (empty && node !== undefined && field.presence === "optional") {
      whole = false
      const { shape } = field
      const expected = shape.absent === undefined
        ? `expected ${shape.words}`
        : "{} for its defaults"
      source.fault(at, `empty: ${expected}, or leave the key out`)
      continue
    }
    const value = empty ? absent(field, at, source) : readAt(field.shape, node, at, source)
    if (value !== undefined) values[name] = value
    else if (!empty || field.presence === "required") whole = false
  }
  return whole ? values : undefined
}

function absent(field: Field<unknown>, path: string, source: YamlSource): unknown {
  if (field.presence === "defaulted") return field.fallback
  if (field.presence === "optional") return undefined
  if (field.shape.absent !== undefined) return field.shape.absent(path, source)
  return source.fault(path, `missing: expected ${field.shape.words}`)
}

export function readAt<A>(
  shape: Shape<A>,
  node: Node | null | undefined,
  path: string,
  source: YamlSource
): A | undefined {
  if (node === null || node === undefined) {
    return source.fault(path, `empty: expected ${shape.words}`)
  }
  const target = source.resolve(node)
  if (target === undefined) return source.fault(path, "refers to an anchor that is not there")
  return shape.read(target, path, source)
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`
}

/** The value as the file has it, short enough for one line, and no card number in it. */
function shown(node: Node): string {
  if (!isScalar(node)) return isSeq(node) ? "a list" : "keys and values"
  const word = maskText(String(node.source ?? node.value))
  return word.length > 40 ? `${word.slice(0, 40)}…` : word
}
