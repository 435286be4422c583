/**
 * From a dialect file, parsed, to a dialect. Pure: the caller reads the file. Every mistake is
 * found in one go, with its path; a dialect with a mistake is never half usable.
 *
 *     const dialect = compileDialect(parse(text), 1)
 *     if (Array.isArray(dialect)) show(dialect)      // [{ path: "fields.60.max", problem: ... }]
 *     const message = dialect.read(body)             // a Message, or a CodecFault with its path
 *
 * A worker thread compiles `dialect.source` again under `dialect.number` and indexes into its own
 * Int32Array with `dialect.index(bytes, start, end, out)`, which allocates nothing.
 */

import type { SourceFault } from "../domain/source-fault.ts"
import { Assembler } from "./assembler.ts"
import { bitmapEncodings, type BitmapForm, bitsOf } from "./bitmap.ts"
import { conditionFrom } from "./condition.ts"
import { CompiledDialect } from "./dialect.ts"
import { type FieldContext, fieldFrom, resolve } from "./field-source.ts"
import type { FieldShape } from "./field.ts"
import { Indexer, type PresenceRule } from "./indexer.ts"
import { type FieldCase, type FieldEntry, Layout, maxField } from "./layout.ts"
import { mtiEncodings } from "./message-type.ts"
import { referFrom, reversalFrom } from "./reversal.ts"
import { semanticsFrom } from "./semantics.ts"
import { own, type Source, SourceReader } from "./source-reader.ts"

const dialectKeys: ReadonlySet<string> = new Set([
  "dialect",
  "title",
  "mti",
  "bitmap",
  "shapes",
  "fields",
  "otherwise",
  "messages",
  "echo",
  "roles",
  "key",
  "kinds",
  "channels",
  "approvals",
  "partialApprovals",
  "responses",
  "mac",
  "keyDownload",
  "reversal",
  "refer",
  "push"
])
const bitmapKeys: ReadonlySet<string> = new Set(["encoding", "bits", "always", "third"])
const mtiKeys: ReadonlySet<string> = new Set(["encoding"])

export function compileDialect(
  source: unknown,
  number: number
): CompiledDialect | ReadonlyArray<SourceFault> {
  const reader = new SourceReader()
  const file = reader.record(source, "")
  reader.known(file, dialectKeys, "")
  const name = reader.text(file, "dialect", "")
  if (name === undefined || !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name)) {
    reader.fault("dialect", "must be a name of small letters, digits and hyphens")
  }
  const mti = reader.record(own(file, "mti"), "mti")
  reader.known(mti, mtiKeys, "mti")
  const mtiEncoding = reader.oneOf(mti, "encoding", "mti", mtiEncodings) ?? "ascii"
  const bitmap = bitmapFrom(reader, file)
  const layout = layoutFrom(reader, file, bitmap)
  const echo = echoFrom(reader, layout, own(file, "echo"), "echo")
  const messages = messagesFrom(reader, file, layout, echo)
  checkTypes(reader, file, messages)
  const semantics = semanticsFrom(reader, file, layout)
  const reversal = reversalFrom(reader, file, layout, semantics.form)
  const refer = referFrom(reader, file, layout)
  const pushPath = reader.text(file, "push", "")
  if (pushPath !== undefined && layout.access(pushPath) === undefined) {
    reader.fault("push", "is no field of the dialect")
  }
  if (reader.faults.length > 0) return reader.faults
  return new CompiledDialect({
    name: name!,
    number,
    title: reader.text(file, "title", "") ?? name!,
    source,
    mtiEncoding,
    layout,
    indexer: new Indexer(mtiEncoding, bitmap, layout.entries, messages.rules),
    assembler: new Assembler(mtiEncoding, bitmap, layout),
    semantics,
    reversal,
    refer,
    pushPath,
    responses: messages.responses,
    echo: bitsOf(echo),
    mandatory: messages.mandatory,
    names: messages.names,
    required: new Map([...messages.mandatory].map(([type, must]) => [type, bitsOf(must)]))
  })
}

function bitmapFrom(reader: SourceReader, file: Source): BitmapForm {
  const source = reader.record(own(file, "bitmap"), "bitmap")
  reader.known(source, bitmapKeys, "bitmap")
  const bits = reader.integer(source, "bits", "bitmap", 64, maxField) ?? 64
  if (bits % 64 !== 0) reader.fault("bitmap.bits", "must be 64, 128 or 192")
  const third = reader.integer(source, "third", "bitmap", 2, 128) ?? 0
  if (third > 0 && bits !== maxField) reader.fault("bitmap.third", "needs 192 bits")
  return {
    encoding: reader.oneOf(source, "encoding", "bitmap", bitmapEncodings) ?? "binary",
    bits: bits - bits % 64,
    always: reader.flag(source, "always", "bitmap"),
    third,
    ahead: third > 0 ? 2 : Math.trunc(bits / 64)
  }
}

const encipheredKeys: ReadonlySet<string> = new Set(["when", "block"])

/** `{ when: { "53.3": "1" }, block: 8 }`: bytes of the block that ends one before the last. */
function encipheredFrom(
  reader: SourceReader,
  layout: Layout,
  shape: FieldShape,
  value: unknown,
  path: string
): FieldCase {
  const rule = reader.record(value, path)
  reader.known(rule, encipheredKeys, path)
  if (!shape.unchecked) reader.fault(path, "needs unchecked: true")
  const block = reader.integer(rule, "block", path, 1, 64) ?? 8
  return {
    when: conditionFrom(reader, layout, own(rule, "when"), `${path}.when`),
    shape: shape.with({ composite: shape.composite?.behind?.(block) ?? shape.composite })
  }
}

/** The third bitmap as one of the fields. */
function thirdBitmap(context: FieldContext, { encoding, third }: BitmapForm): FieldEntry {
  const definition = { type: "b", encoding, length: 8, name: "third bitmap" }
  const shape = fieldFrom(context, definition, "bitmap.third", String(third), {})
  return { shape, cases: [], enciphered: [], known: true }
}

function layoutFrom(reader: SourceReader, file: Source, bitmap: BitmapForm): Layout {
  const context: FieldContext = { reader, shapes: shapesOf(reader, file), field: fieldFrom }
  const entries: Array<FieldEntry | undefined> = Array.from({
    length: maxField + 1
  })
  const pending: Array<() => void> = []
  const layout = new Layout(entries)
  for (const [key, value] of reader.entries(own(file, "fields"), "fields")) {
    const path = `fields.${key}`
    const field = /^[1-9][0-9]{0,2}$/.test(key) ? Number(key) : 0
    if (field < 2 || field > bitmap.bits || field === bitmap.third || isAnnouncer(bitmap, field)) {
      reader.fault(path, `must be a field from 2 to ${bitmap.bits}, and no bitmap`)
      continue
    }
    const { cases, enciphered, ...plain } = resolve(context, value, path)
    const shape = fieldFrom({ ...context }, plain, path, key, {})
    const list: Array<FieldCase> = []
    const sealed: Array<FieldCase> = []
    entries[field] = { shape, cases: list, enciphered: sealed, known: true }
    for (const [index, each] of reader.list(enciphered, `${path}.enciphered`).entries()) {
      pending.push(() =>
        sealed.push(encipheredFrom(reader, layout, shape, each, `${path}.enciphered[${index}]`))
      )
    }
    // Conditions name other fields, so they wait until all are known.
    for (const [index, each] of reader.list(cases, `${path}.cases`).entries()) {
      const at = `${path}.cases[${index}]`
      const { when, ...definition } = reader.record(each, at)
      const other = fieldFrom(context, { ...plain, ...definition }, at, key, {})
      pending.push(() =>
        list.push({ when: conditionFrom(reader, layout, when, `${at}.when`, field), shape: other })
      )
    }
  }
  if (bitmap.third > 0) entries[bitmap.third] = thirdBitmap(context, bitmap)
  for (const each of pending) each()
  if (own(file, "otherwise") !== undefined) fillUnknown(context, file, entries, bitmap)
  if (entries.every((entry) => entry === undefined)) reader.fault("fields", "has no field")
  return layout
}

/** Bit 65 says that a third bitmap follows the second, where that is its place. */
function isAnnouncer(bitmap: BitmapForm, field: number): boolean {
  return field === 65 && bitmap.ahead > 2
}

/** How fields that the dialect does not know are measured, so that they can be kept. */
function fillUnknown(
  context: FieldContext,
  file: Source,
  entries: Array<FieldEntry | undefined>,
  bitmap: BitmapForm
): void {
  for (let field = 2; field <= bitmap.bits; field++) {
    if (entries[field] !== undefined || isAnnouncer(bitmap, field)) continue
    const shape = fieldFrom(context, own(file, "otherwise"), "otherwise", String(field), {})
    entries[field] = { shape, cases: [], enciphered: [], known: false }
  }
}

function shapesOf(reader: SourceReader, file: Source): Source {
  return own(file, "shapes") === undefined ? {} : reader.record(own(file, "shapes"), "shapes")
}

interface Messages {
  readonly rules: ReadonlyArray<PresenceRule | undefined>
  readonly responses: Map<string, { readonly mti: string; readonly echo: Int32Array }>
  readonly mandatory: Map<string, ReadonlyArray<number>>
  readonly names: Map<string, string>
}

const messageKeys: ReadonlySet<string> = new Set([
  "name",
  "response",
  "mandatory",
  "conditional",
  "forbidden",
  "values",
  "echo"
])

function messagesFrom(
  reader: SourceReader,
  file: Source,
  layout: Layout,
  echo: ReadonlyArray<number>
): Messages {
  const rules: Array<PresenceRule | undefined> = Array.from({ length: 10_000 })
  const responses: Messages["responses"] = new Map()
  const mandatory: Messages["mandatory"] = new Map()
  const names: Messages["names"] = new Map()
  for (const [mti, value] of reader.entries(own(file, "messages"), "messages")) {
    const path = `messages.${mti}`
    if (!/^[0-9]{4}$/.test(mti)) {
      reader.fault(path, "must be 4 digits, in quotes")
      continue
    }
    const rule = reader.record(value ?? {}, path)
    reader.known(rule, messageKeys, path)
    const must = fieldsFrom(reader, layout, own(rule, "mandatory"), `${path}.mandatory`)
    mandatory.set(mti, must)
    const name = reader.text(rule, "name", path)
    if (name !== undefined) names.set(mti, name)
    const never = fieldsFrom(reader, layout, own(rule, "forbidden"), `${path}.forbidden`)
    const both = never.find((field) => must.includes(field))
    if (both !== undefined) reader.fault(`${path}.forbidden`, `${both} is mandatory too`)
    rules[Number(mti)] = {
      mandatory: bitsOf(must),
      forbidden: bitsOf(never),
      conditional: conditionalFrom(reader, layout, own(rule, "conditional"), `${path}.conditional`),
      values: reader.entries(own(rule, "values"), `${path}.values`).flatMap(([field, allowed]) => {
        const at = `${path}.values.${field}`
        const allows = conditionFrom(reader, layout, { [field]: allowed }, at)
        return [{ field: Number.parseInt(field, 10), allows }]
      })
    }
    const response = reader.text(rule, "response", path)
    if (response === undefined) continue
    const echoed = own(rule, "echo")
    const list = echoed === undefined
      ? echo
      : echoFrom(reader, layout, echoed, `${path}.echo`)
    responses.set(mti, { mti: response, echo: bitsOf(list) })
  }
  if (rules.every((rule) => rule === undefined)) reader.fault("messages", "has no message")
  return { rules, responses, mandatory, names }
}

/** Answers are stored, so what never may be is not echoed. */
function echoFrom(
  reader: SourceReader,
  layout: Layout,
  value: unknown,
  path: string
): ReadonlyArray<number> {
  const fields = fieldsFrom(reader, layout, value, path)
  const secret = fields.find((field) => layout.entries[field]!.shape.neverStored)
  if (secret !== undefined) reader.fault(path, `${secret} may never be stored, and answers are`)
  return fields
}

/** What is made, answered or looked for must be a message of the dialect. */
function checkTypes(reader: SourceReader, file: Source, { responses, rules }: Messages): void {
  const check = (source: unknown, key: string, path: string): void => {
    const at = `${path}.${key}`
    for (const mti of reader.texts(own(reader.record(source ?? {}, path), key), at)) {
      if (/^[0-9]{4}$/.test(mti) && rules[Number(mti)] !== undefined) continue
      reader.fault(at, `${mti} is no message of the dialect`)
    }
  }
  for (const [mti, { mti: response }] of responses) {
    check({ response }, "response", `messages.${mti}`)
  }
  check(own(file, "reversal"), "mti", "reversal")
  check(own(file, "reversal"), "repeatMti", "reversal")
  check(own(file, "keyDownload"), "mti", "keyDownload")
  reader.list(own(file, "kinds"), "kinds").forEach((kind, index) => {
    check(kind, "mti", `kinds[${index}]`)
  })
}

const conditionalKeys: ReadonlySet<string> = new Set(["field", "when"])

function conditionalFrom(
  reader: SourceReader,
  layout: Layout,
  value: unknown,
  path: string
): PresenceRule["conditional"] {
  return reader.list(value, path).map((each, index) => {
    const at = `${path}[${index}]`
    const rule = reader.record(each, at)
    reader.known(rule, conditionalKeys, at)
    const [field = 2] = fieldsFrom(reader, layout, [own(rule, "field")], `${at}.field`)
    return { field, when: conditionFrom(reader, layout, own(rule, "when"), `${at}.when`) }
  })
}

function fieldsFrom(
  reader: SourceReader,
  layout: Layout,
  value: unknown,
  path: string
): ReadonlyArray<number> {
  return reader.list(value, path).flatMap((field, index) => {
    if (Number.isInteger(field) && layout.entries[field as number] !== undefined) {
      return [field as number]
    }
    reader.fault(`${path}[${index}]`, "is no field of the dialect")
    return []
  })
}
