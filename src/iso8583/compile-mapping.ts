/**
 * Mappings between two dialects, from data. What is not named does not cross (I11); what guards
 * secrets crosses only where the file names the translation.
 *
 *     from: cup-pos
 *     to: iso87-ascii
 *     stamp: ["7", "11", "37"]                   set by the switch
 *     forward:                                   path of the target: where it comes from
 *       "2": pan                                 a role of the source dialect, or a path of it
 *       "18": "=5411"                            a text
 *       "22": { from: "22", map: { "032": "031" } }
 *       "35": { from: "35", translate: track }   unless it is enciphered
 *       "52": { translate: pin }                 by the security module, through the stamp
 *     back:
 *       "38": "38"
 *
 * Message type and the values that make a kind come from the target's own form of it.
 */

import { type Kind, kinds, managementKinds } from "../domain/kind.ts"
import { scratchBuffer } from "../domain/scratch.ts"
import type { SourceFault } from "../domain/source-fault.ts"
import { bitsOf, hasBit, setBit } from "./bitmap.ts"
import { type Condition, conditionFrom } from "./condition.ts"
import type { CompiledDialect } from "./dialect.ts"
import { writeField } from "./field-writer.ts"
import type { Access } from "./layout.ts"
import type { Mapping, MappingFault } from "./mapping.ts"
import type { Dialect, Message, Role, Values } from "./message.ts"
import { roles } from "./semantics.ts"
import { join, own, type Source, SourceReader } from "./source-reader.ts"
import { ValueList } from "./value-list.ts"

const mappingKeys: ReadonlySet<string> = new Set(["from", "to", "stamp", "forward", "back"])
const ruleKeys: ReadonlySet<string> = new Set([
  "from",
  "map",
  "default",
  "translate",
  "cut",
  "when",
  "unless"
])

/** track: clear track data, as text. pin: made by the security module. control: written anew. */
const translations = ["track", "pin", "control"] as const

/** Track data, PIN block and its control field; MACs, which are made anew for every line. */
const guarded: ReadonlyMap<number, typeof translations[number] | undefined> = new Map([
  [35, "track"],
  [36, "track"],
  [45, "track"],
  [52, "pin"],
  [53, "control"],
  [64, undefined],
  [128, undefined]
])

interface Rule {
  readonly path: string
  readonly target: Access
  readonly read: (message: Message) => string | undefined
}

/** The dialects are those of `compileDialect`. */
export function compileMapping(
  source: unknown,
  from: Dialect,
  to: Dialect
): Mapping | ReadonlyArray<SourceFault> {
  const [near, far] = [from as CompiledDialect, to as CompiledDialect]
  const reader = new SourceReader()
  const file = reader.record(source, "")
  reader.known(file, mappingKeys, "")
  for (const [key, dialect] of [["from", from], ["to", to]] as const) {
    if (own(file, key) !== dialect.name) reader.fault(key, `must be ${dialect.name}`)
  }
  const stamped = stampFrom(reader, file, far)
  const forward = rulesFrom(reader, own(file, "forward"), "forward", near, far)
  const back = rulesFrom(reader, own(file, "back"), "back", far, near)
  const forms = formsOf(reader, far)
  checkMandatory(reader, near, far, new Set([...stamped, ...forward.given]))
  if (reader.faults.length > 0) return reader.faults
  return {
    from: from.name,
    to: to.name,
    pin: forward.pin,
    forward: (request, stamp, mac) => forwarded(far, forms, forward.rules, request, stamp, mac),
    back: (answer) => broughtBack(back.rules, answer)
  }
}

function stampFrom(
  reader: SourceReader,
  file: Source,
  to: CompiledDialect
): ReadonlySet<number> {
  const fields = new Set<number>()
  for (const path of reader.texts(own(file, "stamp"), "stamp")) {
    const access = to.layout.access(path)
    if (access === undefined) reader.fault("stamp", `${path} is no field of ${to.name}`)
    else if (guarded.has(access.field)) {
      reader.fault("stamp", `${path} needs a rule that names its translation`)
    } else fields.add(access.field)
  }
  return fields
}

interface Rules {
  readonly rules: ReadonlyArray<Rule>
  /** Fields of the target that a rule, or the security module, gives. */
  readonly given: ReadonlySet<number>
  /** One of them makes PIN blocks cross. */
  readonly pin: boolean
}

function rulesFrom(
  reader: SourceReader,
  value: unknown,
  path: string,
  from: CompiledDialect,
  to: CompiledDialect
): Rules {
  const rules: Array<Rule> = []
  const given = new Set<number>()
  const [pinBlock] = to.semantics.roles.pinBlock
  let pin = false
  for (const [key, definition] of reader.entries(value, path)) {
    const at = join(path, key)
    const target = to.layout.access(key)
    if (target === undefined) {
      reader.fault(at, `is no field of ${to.name}`)
      continue
    }
    given.add(target.field)
    pin ||= target.field === pinBlock?.field && translatesPin(definition)
    const read = ruleFrom(reader, definition, at, from, target)
    if (read !== undefined) rules.push({ path: key, target, read })
  }
  return { rules, given, pin }
}

function translatesPin(definition: unknown): boolean {
  return typeof definition === "object" && definition !== null &&
    own(definition as Source, "translate") === "pin"
}

function ruleFrom(
  reader: SourceReader,
  definition: unknown,
  path: string,
  from: CompiledDialect,
  target: Access
): Rule["read"] | undefined {
  const rule = typeof definition === "string"
    ? { from: definition }
    : reader.record(definition, path)
  reader.known(rule, ruleKeys, path)
  const translation = reader.oneOf(rule, "translate", path, translations)
  const origin = reader.text(rule, "from", path)
  if (origin === undefined && translation === undefined) {
    reader.fault(join(path, "from"), "is missing")
  }
  const { fields, read } = origin === undefined
    ? { fields: [], read: () => undefined }
    : originFrom(reader, origin, path, from)
  for (const field of [target.field, ...fields]) {
    if (!guarded.has(field)) continue
    const needed = guarded.get(field)
    if (needed === undefined) reader.fault(path, "is a MAC, which the switch makes anew")
    else if (needed !== translation) reader.fault(path, `needs translate: ${needed}`)
  }
  if (origin === undefined) return undefined
  if (translation === "pin" || fields.some((field) => guarded.get(field) === "control")) {
    reader.fault(path, "this translation is made by the switch: it takes no from")
  }
  if (origin.startsWith("=") && own(rule, "cut") === undefined) {
    checkConstant(reader, target, origin.slice(1), path)
  }
  return typeof definition === "string" ? read : refined(reader, rule, path, from, target, read)
}

/** A text of the file's own must fit the field that it is for. */
function checkConstant(reader: SourceReader, target: Access, text: string, path: string): void {
  if (target.entry.cases.length > 0) return
  const written = writeField(target.shape, text, scratch, 0)
  if (typeof written === "string") reader.fault(path, `${JSON.stringify(text)} ${written}`)
}

/** Map, cut, default and conditions around a plain reading. */
function refined(
  reader: SourceReader,
  rule: Source,
  path: string,
  from: CompiledDialect,
  target: Access,
  read: Rule["read"]
): Rule["read"] {
  const cut = reader.cut(rule, path)
  const table = new Map(
    reader.entries(own(rule, "map"), join(path, "map")).map(([key, value]) => {
      const at = `${path}.map.${key}`
      if (typeof value !== "string") reader.fault(at, "must be text")
      else if (cut === undefined) checkConstant(reader, target, value, at)
      return [key, String(value)]
    })
  )
  const fallback = reader.text(rule, "default", path)
  if (fallback !== undefined) checkConstant(reader, target, fallback, join(path, "default"))
  const conditions = [
    [own(rule, "when"), join(path, "when"), true] as const,
    [own(rule, "unless"), join(path, "unless"), false] as const
  ].flatMap(([value, at, wanted]): Array<readonly [Condition, boolean]> =>
    value === undefined ? [] : [[conditionFrom(reader, from.layout, value, at), wanted]]
  )
  return (message) => {
    for (const [condition, wanted] of conditions) {
      const holds = condition(message.bytes, 0, message.index, message.mtiNumber)
      if (holds !== wanted) return undefined
    }
    const text = read(message)
    if (text === undefined) return fallback
    const whole = table.get(text) ?? text
    return cut === undefined ? whole : whole.slice(cut[0], cut[1])
  }
}

function originFrom(
  reader: SourceReader,
  origin: string,
  path: string,
  from: CompiledDialect
): { readonly fields: ReadonlyArray<number>; readonly read: Rule["read"] } {
  if (origin.startsWith("=")) return { fields: [], read: () => origin.slice(1) }
  if (roles.includes(origin as Role)) {
    const role = origin as Role
    const accesses = from.semantics.roles[role]
    const fields = accesses.filter(isSecret).map(({ field }) => field)
    if (accesses.length === 0) reader.fault(path, `${from.name} has no ${origin}`)
    return { fields, read: (message) => message.role(role) }
  }
  const access = from.layout.access(origin)
  if (access === undefined) {
    reader.fault(path, `${origin} is no field or role of ${from.name}`)
    return { fields: [], read: () => undefined }
  }
  const { clear } = access
  return {
    fields: isSecret(access) ? [access.field] : [],
    read: (message) => clear.text(message.bytes, 0, message.index, message.mtiNumber)
  }
}

/** The card number that a swipe carries is no track data any more once it stands alone. */
function isSecret({ shape, tail }: Access): boolean {
  return tail === undefined || shape.neverStored
}

/** Every kind that can cross must find each mandatory field of its message (I11). */
function checkMandatory(
  reader: SourceReader,
  from: CompiledDialect,
  to: CompiledDialect,
  given: ReadonlySet<number>
): void {
  for (const kind of kinds) {
    const form = to.form(kind)
    if (!crosses(kind) || form === undefined || from.form(kind) === undefined) continue
    const formed = new Set(Object.keys(form.values).map((path) => Number.parseInt(path, 10)))
    for (const field of to.mandatory.get(form.mti) ?? []) {
      if (given.has(field) || formed.has(field) || to.mac?.fields.includes(field)) continue
      reader.fault(`forward.${field}`, `${form.mti} (${kind}) must carry it, and no rule gives it`)
    }
  }
}

/** Reversals are composed from what is known of the original, never mapped. */
function crosses(kind: Kind): boolean {
  return kind !== "reversal" && !managementKinds.has(kind)
}

interface Form {
  readonly mti: string
  readonly values: ValueList
}

/** The values of each kind's own form. */
function formsOf(reader: SourceReader, to: CompiledDialect): ReadonlyMap<Kind, Form> {
  const forms = new Map<Kind, Form>()
  for (const kind of kinds) {
    const form = to.form(kind)
    if (form === undefined) continue
    const values = new ValueList()
    values.take(form.values)
    for (const path of values.paths) {
      if (to.layout.access(path) !== undefined) continue
      reader.fault("to", `${path} of ${kind} is no field of ${to.name}`)
    }
    forms.set(kind, { mti: form.mti, values })
  }
  return forms
}

function forwarded(
  to: CompiledDialect,
  forms: ReadonlyMap<Kind, Form>,
  rules: ReadonlyArray<Rule>,
  request: Message,
  stamp: Values | ValueList,
  mac: boolean
): Buffer | MappingFault {
  const kind = request.kind()
  const form = kind === undefined ? undefined : forms.get(kind)
  if (kind === undefined || form === undefined) {
    return { path: "mti", problem: `${to.name} has no message for ${kind ?? request.mti}` }
  }
  crossing.clear()
  for (const { path, read } of rules) {
    const text = read(request)
    if (text !== undefined) crossing.set(path, text)
  }
  return to.encodeAll(form.mti, [form.values, crossing, stamp], mac)
}

/** Used within one call. */
const crossing = new ValueList()

const scratch = scratchBuffer(2048)

/** A value that its field in the terminal's dialect cannot hold is left out. */
function broughtBack(rules: ReadonlyArray<Rule>, message: Message): ValueList {
  const values = new ValueList()
  for (const { path, read, target } of rules) {
    const text = read(message)
    if (text === undefined) continue
    if (typeof writeField(target.shape, text, scratch, 0) === "string") continue
    values.set(path, text)
  }
  return values
}

/**
 * Within one dialect everything crosses as it is: the request with the switch's stamp on it, and of
 * the answer what the response would not echo anyway.
 */
export function identityMapping(dialect: Dialect): Mapping {
  const spoken = dialect as CompiledDialect
  const withheld = bitsOf(
    (["stan", "response", "terminal", "merchant", "mac"] as const).flatMap((role) =>
      spoken.semantics.roles[role].map(({ field }) => field)
    )
  )
  for (const field of spoken.mac?.fields ?? []) setBit(withheld, field)
  // Some hosts say track data again: an answer is stored, and they never may be (I6).
  spoken.layout.entries.forEach((entry, field) => {
    if (entry?.shape.neverStored === true) setBit(withheld, field)
  })
  const amount = spoken.semantics.roles.amount[0]?.field
  const paths = spoken.layout.entries.map((_, field) => String(field))
  return {
    from: dialect.name,
    to: dialect.name,
    pin: true,
    forward: (request, stamp, mac) => spoken.tryPatch(request, { set: stamp, mac }),
    back: (answer) => {
      const values = new ValueList()
      const echo = spoken.echoOf(answer.mti)
      const { index } = answer
      for (let at = 1; at < index[0]! * 3; at += 3) {
        const field = index[at]!
        if (hasBit(withheld, field) || (field !== amount && hasBit(echo, field))) continue
        const path = paths[field]!
        const packed = spoken.layout.entries[field]!.shape.encoding === "bcd"
        const value = packed ? answer.text(path) : answer.raw(path)
        if (value !== undefined) values.set(path, value)
      }
      return values
    }
  }
}
