/**
 * What a dialect's messages mean: which field plays which role, what kind of transaction a message
 * is, what makes a repeat a repeat, how a reversal names its original. All of it is read from the
 * dialect's file; nothing here knows a dialect by name.
 */

import { type Channel, channels } from "../domain/channel.ts"
import { type Kind, kinds } from "../domain/kind.ts"
import type { MacAlgorithm, WorkingKeyShape } from "../domain/ports/security-module.ts"
import { type Condition, conditionFrom, type Demand, demandsFrom } from "./condition.ts"
import { bytesOf } from "./field-size.ts"
import type { Access, Layout } from "./layout.ts"
import type { MacRule, Message, MessageForm, Role, Values } from "./message.ts"
import { join, own, type Source, type SourceReader } from "./source-reader.ts"

const roleNames: Readonly<Record<Role, true>> = {
  pan: true,
  expiry: true,
  cardSequence: true,
  track2: true,
  pinBlock: true,
  processingCode: true,
  amount: true,
  currency: true,
  transmissionTime: true,
  stan: true,
  localTime: true,
  localDate: true,
  settlementDate: true,
  entryMode: true,
  condition: true,
  acquirer: true,
  forwarder: true,
  rrn: true,
  authCode: true,
  response: true,
  terminal: true,
  merchant: true,
  merchantName: true,
  networkCode: true,
  batch: true,
  originalBatch: true,
  originalStan: true,
  originalDate: true,
  payCode: true,
  voucher: true,
  ksn: true,
  mac: true
}
export const roles = Object.keys(roleNames) as ReadonlyArray<Role>

/** Roles whose values are secrets or card numbers: their fields must have a mask. */
const maskedRoles: ReadonlyArray<Role> = ["pan", "track2", "pinBlock", "payCode"]

interface KindRule {
  readonly kind: Kind
  readonly when: Condition
}

export interface Semantics {
  readonly roles: Readonly<Record<Role, ReadonlyArray<Access>>>
  readonly kindOf: (message: Message) => Kind | undefined
  readonly form: (kind: Kind) => MessageForm | undefined
  readonly channel: (message: Message) => Channel
  readonly key: ReadonlyArray<Role | "class">
  readonly keyDownload: (
    message: Message
  ) => { readonly shape: WorkingKeyShape; readonly path: string } | undefined
  readonly approvals: ReadonlySet<string>
  readonly partialApprovals: ReadonlySet<string>
  readonly mac: MacRule | undefined
  readonly toOwn: ReadonlyMap<string, string>
  readonly to1987: ReadonlyMap<string, string>
}

export function semanticsFrom(reader: SourceReader, source: Source, layout: Layout): Semantics {
  const rolesRead = rolesFrom(reader, source, layout)
  const kindTable = kindsFrom(reader, source, layout)
  const [toOwn, to1987] = responsesFrom(reader, source)
  const key = reader.texts(own(source, "key"), "key").flatMap((name, index) => {
    if (name === "class" || name in roleNames) return [name as Role | "class"]
    reader.fault(`key[${index}]`, "is no role")
    return []
  })
  if (key.length === 0) reader.fault("key", "is missing")
  const mac = macFrom(reader, source, layout)
  return {
    roles: rolesRead,
    kindOf: kindTable.kindOf,
    form: kindTable.form,
    channel: channelsFrom(reader, source, layout),
    key,
    keyDownload: keyDownloadFrom(reader, source, layout, mac),
    approvals: new Set(reader.texts(own(source, "approvals") ?? "00", "approvals")),
    partialApprovals: new Set(reader.texts(own(source, "partialApprovals"), "partialApprovals")),
    mac,
    toOwn,
    to1987
  }
}

function rolesFrom(reader: SourceReader, source: Source, layout: Layout): Semantics["roles"] {
  const found = Object.fromEntries(roles.map((role) => [role, [] as Array<Access>])) as Record<
    Role,
    Array<Access>
  >
  for (const [role, value] of reader.entries(own(source, "roles"), "roles")) {
    if (!Object.hasOwn(roleNames, role)) {
      reader.fault(`roles.${role}`, "is no role")
      continue
    }
    for (const path of reader.texts(value, `roles.${role}`)) {
      const access = layout.access(path)
      if (access === undefined) reader.fault(`roles.${role}`, `${path} is no field of the dialect`)
      // Whoever asks for track data by its meaning can do nothing with an enciphered one.
      else found[role as Role].push(role === "track2" ? access.clear : access)
    }
  }
  for (const role of maskedRoles) {
    for (const { shape } of found[role]) {
      if (shape.mask === "none") reader.fault(`roles.${role}`, `${shape.path} needs a mask`)
    }
  }
  return found
}

interface KindTable {
  readonly kindOf: (message: Message) => Kind | undefined
  readonly form: (kind: Kind) => MessageForm | undefined
}

const kindKeys: ReadonlySet<string> = new Set(["kind", "mti", "when", "set"])

function kindsFrom(reader: SourceReader, source: Source, layout: Layout): KindTable {
  const byMti = new Map<string, Array<KindRule>>()
  const forms = new Map<Kind, MessageForm>()
  for (const [index, value] of reader.list(own(source, "kinds"), "kinds").entries()) {
    const at = `kinds[${index}]`
    const rule = reader.record(value, at)
    reader.known(rule, kindKeys, at)
    const kind = reader.oneOf(rule, "kind", at, kinds)
    const types = reader.texts(own(rule, "mti"), `${at}.mti`)
    const when = conditionFrom(reader, layout, own(rule, "when"), `${at}.when`)
    const demands = demandsFrom(reader, own(rule, "when"), `${at}.when`)
    if (kind === undefined || types.length === 0) {
      reader.fault(at, "needs a kind and an mti")
      continue
    }
    for (const mti of types) {
      const list = byMti.get(mti) ?? []
      list.push({ kind, when })
      byMti.set(mti, list)
    }
    if (!forms.has(kind)) {
      const values = { ...valuesMeeting(demands), ...textsFrom(reader, rule, `${at}.set`) }
      forms.set(kind, { mti: types[0]!, values })
    }
  }
  return {
    kindOf: (message) => {
      const index = message.index
      for (const { kind, when } of byMti.get(message.mti) ?? []) {
        if (when(message.bytes, 0, index, message.mtiNumber)) return kind
      }
      return undefined
    },
    form: (kind) => forms.get(kind)
  }
}

function textsFrom(reader: SourceReader, rule: Source, path: string): Values {
  return Object.fromEntries(
    reader.entries(own(rule, "set"), path).map(([key, value]) => {
      if (typeof value !== "string") reader.fault(join(path, key), "must be text")
      return [key, String(value)]
    })
  )
}

/** The plainest values that meet the demands: the first pattern of each, `?` as 0. */
function valuesMeeting(demands: ReadonlyArray<Demand>): Values {
  return Object.fromEntries(
    demands.flatMap(({ path, patterns }) => {
      const pattern = patterns[0]
      if (pattern === undefined || pattern === "present" || pattern === "absent") return []
      return path === "mti" || path === "direction" ? [] : [[path, pattern.replaceAll("?", "0")]]
    })
  )
}

const channelKeys: ReadonlySet<string> = new Set(["channel", "when"])

function channelsFrom(
  reader: SourceReader,
  source: Source,
  layout: Layout
): (message: Message) => Channel {
  const rules = reader.list(own(source, "channels"), "channels").map((value, index) => {
    const at = `channels[${index}]`
    const rule = reader.record(value, at)
    reader.known(rule, channelKeys, at)
    return {
      channel: reader.oneOf(rule, "channel", at, channels) ?? "none",
      when: conditionFrom(reader, layout, own(rule, "when"), `${at}.when`)
    }
  })
  return (message) => {
    const mti = message.mtiNumber
    for (const { channel, when } of rules) {
      if (when(message.bytes, 0, message.index, mti)) return channel
    }
    return "none"
  }
}

const single: ReadonlyArray<MacAlgorithm["name"]> = ["cup-ecb", "cup-cbc", "x9.9"]
const double: ReadonlyArray<MacAlgorithm["name"]> = ["cup-ecb", "cup-cbc", "x9.19"]

/** The MACs that can be made with the MAC key that each shape brings. */
export const shapeMacs: Readonly<Record<WorkingKeyShape, ReadonlyArray<MacAlgorithm["name"]>>> = {
  "cup-24": single,
  "cup-40": single,
  "cup-56": ["cup-ecb"],
  "cup-57-sm4": ["cup-ecb-sm4", "sm4-cbc"],
  "cup-60": single,
  "cup-84": ["cup-ecb"],
  "iso87-single": single,
  "iso87-double": double
}
const workingKeyShapes = Object.keys(shapeMacs) as Array<WorkingKeyShape>
const downloadKeys: ReadonlySet<string> = new Set(["mti", "by", "path", "shapes"])

function keyDownloadFrom(
  reader: SourceReader,
  source: Source,
  layout: Layout,
  mac: MacRule | undefined
): Semantics["keyDownload"] {
  const value = own(source, "keyDownload")
  if (value === undefined) return () => undefined
  const rule = reader.record(value, "keyDownload")
  reader.known(rule, downloadKeys, "keyDownload")
  const types = new Set(reader.texts(own(rule, "mti"), "keyDownload.mti"))
  const by = reader.text(rule, "by", "keyDownload") ?? ""
  const path = reader.text(rule, "path", "keyDownload") ?? ""
  for (const each of [by, path]) {
    if (layout.access(each) === undefined) {
      reader.fault("keyDownload", `${each} is no field of the dialect`)
    }
  }
  const list = reader.record(own(rule, "shapes"), "keyDownload.shapes")
  const shapes = new Map<string, WorkingKeyShape>()
  for (const code of Object.keys(list)) {
    const shape = reader.oneOf(list, code, "keyDownload.shapes", workingKeyShapes)
    if (shape === undefined) continue
    shapes.set(code, shape)
    if (mac === undefined || shapeMacs[shape].includes(mac.algorithm.name)) continue
    const place = join("keyDownload.shapes", code)
    reader.fault(place, `${shape} brings no MAC key for ${mac.algorithm.name}`)
  }
  return (message) => {
    if (!types.has(message.mti)) return undefined
    const shape = shapes.get(message.text(by) ?? "")
    return shape === undefined ? undefined : { shape, path }
  }
}

const macKeys: ReadonlySet<string> = new Set(["field", "algorithm", "form"])
const algorithmKeys: ReadonlySet<string> = new Set(["name", "padding"])

function macFrom(reader: SourceReader, source: Source, layout: Layout): MacRule | undefined {
  const value = own(source, "mac")
  if (value === undefined) return undefined
  const rule = reader.record(value, "mac")
  reader.known(rule, macKeys, "mac")
  const algorithm = reader.record(own(rule, "algorithm"), "mac.algorithm")
  reader.known(algorithm, algorithmKeys, "mac.algorithm")
  const name = reader.oneOf(algorithm, "name", "mac.algorithm", [
    "cup-ecb",
    "cup-ecb-sm4",
    "cup-cbc",
    "x9.9",
    "x9.19",
    "aes-cmac",
    "hmac-sha256",
    "hmac-sm3",
    "sm4-cbc"
  ])
  const padding = reader.integer(algorithm, "padding", "mac.algorithm", 1, 3)
  const field = reader.integer(rule, "field", "mac", 1, 192) ?? 64
  const form = reader.oneOf(rule, "form", "mac", ["binary", "hex"]) ?? "binary"
  const bytes = macBytes(layout, field)
  if (field % 64 !== 0 || bytes !== 4 && bytes !== 8) {
    reader.fault("mac.field", "must be the last field of a bitmap, of 4 or 8 bytes")
  }
  const fields = [64, 128, 192].filter((each) => each >= field && macBytes(layout, each) === bytes)
  // A MAC covers what stands before it.
  const last = layout.entries.findLastIndex((entry) => entry !== undefined)
  if (last > (fields.at(-1) ?? field)) {
    const place = Math.ceil(last / 64) * 64
    reader.fault("mac.field", `needs a field ${place} of ${bytes} bytes too: ${last} stands behind`)
  }
  if (name === undefined) reader.fault("mac.algorithm.name", "is missing")
  return {
    fields,
    form,
    bytes,
    algorithm: {
      name: name ?? "x9.9",
      ...(padding === undefined ? {} : { padding: padding as 1 | 2 | 3 })
    }
  }
}

/** Of a field of fixed length; 0: it has none. */
function macBytes({ entries }: Layout, field: number): number {
  const shape = entries[field]?.shape
  return shape === undefined || shape.fixed < 0 ? 0 : bytesOf(shape, shape.fixed)
}

/**
 * `responses: { "96": "909" }`: our code of 1987, and the dialect's. Where two of ours become the
 * same, a list of maps says which one it becomes again: that of the first map.
 */
function responsesFrom(
  reader: SourceReader,
  source: Source
): readonly [ReadonlyMap<string, string>, ReadonlyMap<string, string>] {
  const toOwn = new Map<string, string>()
  const to1987 = new Map<string, string>()
  const value = own(source, "responses")
  for (const [index, map] of (Array.isArray(value) ? value : [value]).entries()) {
    const at = Array.isArray(value) ? `responses[${index}]` : "responses"
    const back = new Map<string, string>()
    for (const [code, theirs] of reader.entries(map, at)) {
      for (const each of reader.texts(theirs, `${at}.${code}`)) {
        const other = back.get(each)
        // Keys that are numbers have no order of their own.
        if (other !== undefined && !to1987.has(each)) {
          reader.fault(`${at}.${code}`, `becomes ${each} as ${other} does: give a list of maps`)
        }
        back.set(each, code)
        if (!toOwn.has(code)) toOwn.set(code, each)
      }
    }
    for (const [each, code] of back) if (!to1987.has(each)) to1987.set(each, code)
  }
  return [toOwn, to1987]
}

/** What the transaction key is made of, joined by bars; parts that are absent are empty. */
export function keyOf(semantics: Semantics, message: Message): string {
  let key = ""
  for (const part of semantics.key) {
    key += part === "class" ? message.mti[1]! : message.role(part) ?? ""
    key += "|"
  }
  return key
}
