/**
 * A compiled dialect. Must hold: it is made once, from plain data, and never changes; the same data
 * under the same number gives the same dialect on every thread.
 */

import { invariant } from "../domain/invariant.ts"
import type { Kind } from "../domain/kind.ts"
import type { Assembler, Draft } from "./assembler.ts"
import { bitsOf, clearBit } from "./bitmap.ts"
import { mtiText } from "./condition.ts"
import { faultFrom } from "./fault-report.ts"
import type { BuildFault, CodecFault } from "./fault.ts"
import { indexCapacity, type Indexer } from "./indexer.ts"
import type { Layout } from "./layout.ts"
import {
  answerMti,
  isRepeatMti,
  isResponseMti,
  mtiBytes,
  type MtiEncoding,
  mtiFrom,
  readMti
} from "./message-type.ts"
import { MessageView } from "./message-view.ts"
import type { Dialect, Message, MessageForm, Role, Values } from "./message.ts"
import { keyOf, type Semantics } from "./semantics.ts"
import { ValueList } from "./value-list.ts"

/** What the compiler hands over. */
interface DialectParts {
  readonly name: string
  readonly number: number
  readonly title: string
  readonly source: unknown
  readonly mtiEncoding: MtiEncoding
  readonly layout: Layout
  readonly indexer: Indexer
  readonly assembler: Assembler
  readonly semantics: Semantics
  readonly reversal: Dialect["reversal"]
  readonly refer: Dialect["refer"]
  readonly pushPath: string | undefined
  /** Fields that a response echoes where its message type says nothing else. */
  readonly echo: Int32Array
  /** By message type: that of the response, and the fields it echoes. */
  readonly responses: ReadonlyMap<
    string,
    { readonly mti: string; readonly echo: Int32Array }
  >
  /** By message type: mandatory fields. */
  readonly mandatory: ReadonlyMap<string, ReadonlyArray<number>>
  readonly names: ReadonlyMap<string, string>
  /** The mandatory fields as words. */
  readonly required: ReadonlyMap<string, Int32Array>
}

/** What of a message's bitmaps its fields do not say. */
interface HeadForm {
  /** Bitmaps ahead of the fields to send even when they are empty. */
  readonly bitmaps: number
  /** Small letters where they are hex. */
  readonly small: boolean
}

const plainHead: HeadForm = { bitmaps: 1, small: false }

/** Int32s of one block of indexes: 8 KiB, as Node's own pool of buffers has. */
const poolSize = 2048

const everything = bitsOf(Array.from({ length: 192 }, (_, index) => index + 1))

export class CompiledDialect implements Dialect {
  readonly name: string
  readonly number: number
  readonly title: string
  readonly source: unknown
  readonly layout: Layout
  readonly semantics: Semantics
  readonly reversal: Dialect["reversal"]
  readonly refer: Dialect["refer"]
  readonly mandatory: DialectParts["mandatory"]
  readonly pushPath?: string
  readonly #parts: DialectParts
  /** All fields but the MAC, which never survives a change. */
  readonly #kept: Int32Array
  readonly #paths: ReadonlyMap<Role, string>
  readonly #echoes: ReadonlyMap<string, Int32Array>
  readonly #scratch = new Int32Array(indexCapacity)
  #pool = new Int32Array(poolSize)
  #poolUsed = 0

  constructor(parts: DialectParts) {
    this.name = parts.name
    this.number = parts.number
    this.title = parts.title
    this.source = parts.source
    this.layout = parts.layout
    this.semantics = parts.semantics
    this.reversal = parts.reversal
    this.refer = parts.refer
    this.mandatory = parts.mandatory
    if (parts.pushPath !== undefined) this.pushPath = parts.pushPath
    this.#parts = parts
    this.#paths = pathsOf(parts.semantics.roles)
    this.#echoes = echoesOf(parts.responses)
    this.#kept = everything.slice()
    for (const field of this.mac?.fields ?? []) clearBit(this.#kept, field)
  }

  get mac() {
    return this.semantics.mac
  }

  get approvals() {
    return this.semantics.approvals
  }

  get partialApprovals() {
    return this.semantics.partialApprovals
  }

  index(bytes: Uint8Array, start: number, end: number, out: Int32Array): number {
    return this.#parts.indexer.index(bytes, start, end, out)
  }

  fault(bytes: Uint8Array, start: number, out: Int32Array): CodecFault {
    return faultFrom(this.layout, bytes, start, out)
  }

  read(bytes: Uint8Array): Message | CodecFault {
    const out = this.#scratch
    const count = this.#parts.indexer.index(bytes, 0, bytes.length, out)
    if (count < 0) return this.fault(bytes, 0, out)
    return this.view(bytes, this.#pooled(1 + 3 * count))
  }

  /**
   * The first Int32s of the scratch, copied into a piece of a shared block: an array of its own
   * would cost many times as much. A message that is kept keeps its block, of a few messages, too.
   */
  #pooled(size: number): Int32Array {
    if (size > poolSize / 4) return this.#scratch.slice(0, size)
    if (this.#poolUsed + size > poolSize) {
      this.#pool = new Int32Array(poolSize)
      this.#poolUsed = 0
    }
    const index = new Int32Array(this.#pool.buffer, this.#poolUsed * 4, size)
    this.#poolUsed += size
    const scratch = this.#scratch
    for (let at = 0; at < size; at++) index[at] = scratch[at]!
    return index
  }

  salvage(bytes: Uint8Array): Message | undefined {
    const out = this.#scratch
    this.#parts.indexer.index(bytes, 0, bytes.length, out, true)
    const size = mtiBytes(this.#parts.mtiEncoding)
    if (bytes.length < size || readMti(this.#parts.mtiEncoding, bytes, 0) < 0) return undefined
    return this.view(bytes, out.slice(0, 1 + 3 * out[0]!))
  }

  view(bytes: Uint8Array, index: Int32Array): MessageView {
    const mti = readMti(this.#parts.mtiEncoding, bytes, 0)
    invariant(mti >= 0, "an index was made of a message with a type")
    return new MessageView(this, bytes, index, mti)
  }

  encode(
    mti: string,
    values: Values | ValueList,
    mac = false,
    form: HeadForm = plainHead
  ): Buffer | BuildFault {
    return this.#make(mti, [values], mac, undefined, undefined, form, undefined)
  }

  /**
   * Values in layers, later ones win; a mandatory field that none of them gives is a fault.
   */
  encodeAll(mti: string, values: Draft["values"], mac: boolean): Buffer | BuildFault {
    const required = this.#parts.required.get(mti)
    return this.#make(mti, values, mac, undefined, undefined, plainHead, required)
  }

  build(mti: string, values: Values, mac = false): Buffer {
    return made(this.encode(mti, values, mac))
  }

  tryPatch(message: Message, change: Parameters<Dialect["patch"]>[1]): Buffer | BuildFault {
    let keep = this.#kept
    if (change.drop !== undefined && change.drop.length > 0) {
      keep = keep.slice()
      for (const field of change.drop) clearBit(keep, field)
    }
    return this.#make(
      change.mti ?? message.mti,
      change.set === undefined ? [] : [change.set],
      change.mac === true,
      message as MessageView,
      keep,
      this.headOf(message),
      undefined
    )
  }

  patch(message: Message, change: Parameters<Dialect["patch"]>[1]): Buffer {
    return made(this.tryPatch(message, change))
  }

  respond(
    request: Message,
    response: string,
    values: Values | ValueList,
    mac: boolean
  ): Buffer {
    return made(this.answer(request, response, values, mac))
  }

  answer(
    request: Message,
    response: string,
    values: Values | ValueList,
    mac: boolean
  ): Buffer | BuildFault {
    const rule = this.#parts.responses.get(request.mti) ??
      { mti: mtiText(answerMti(request.mtiNumber)), echo: this.#parts.echo }
    const path = this.pathOf("response")
    return this.#make(
      rule.mti,
      path === undefined ? [values] : [said(path, response), values],
      mac,
      request as MessageView,
      rule.echo,
      { bitmaps: 1, small: this.headOf(request).small },
      undefined
    )
  }

  #make(
    mti: string,
    values: Draft["values"],
    mac: boolean,
    source: MessageView | undefined,
    keep: Int32Array | undefined,
    { bitmaps, small }: HeadForm,
    required: Int32Array | undefined
  ): Buffer | BuildFault {
    const type = mtiFrom(mti)
    if (type < 0) return { path: "mti", problem: "must be 4 digits" }
    const places = mac ? this.mac?.fields : undefined
    const draft = { mti: type, source, keep, values, mac: places, bitmaps, small, required }
    return this.#parts.assembler.assemble(draft)
  }

  /** How the bitmaps of the message were sent. */
  headOf({ bytes, index }: Message): HeadForm {
    const { assembler } = this.#parts
    return {
      bitmaps: assembler.bitmapsOf(bytes),
      small: assembler.hasSmallLetters(bytes, index)
    }
  }

  pathOf(role: Role): string | undefined {
    return this.#paths.get(role)
  }

  digitsOf(role: Role): number | undefined {
    const fixed = this.semantics.roles[role][0]?.shape.fixed ?? -1
    return fixed < 0 ? undefined : fixed
  }

  get mtiLength(): number {
    return mtiBytes(this.#parts.mtiEncoding)
  }

  /** What people call messages of this type. */
  nameOf(mti: string): string | undefined {
    return this.#parts.names.get(mti)
  }

  /** The fields that a response of this type repeats from its request. */
  echoOf(response: string): Int32Array {
    return this.#echoes.get(response) ?? nothing
  }

  transactionKey(message: Message): string {
    return keyOf(this.semantics, message)
  }

  isRepeat(message: Message): boolean {
    return isRepeatMti(message.mtiNumber)
  }

  isResponse(message: Message): boolean {
    return isResponseMti(message.mtiNumber)
  }

  channel(message: Message): string {
    return this.semantics.channel(message)
  }

  responseCode(code1987: string): string {
    return this.semantics.toOwn.get(code1987) ?? code1987
  }

  response1987(code: string): string {
    return this.semantics.to1987.get(code) ?? code
  }

  form(kind: Kind): MessageForm | undefined {
    return this.semantics.form(kind)
  }

  keyDownload(message: Message) {
    return this.semantics.keyDownload(message)
  }
}

/** One value, until the next is said. */
function said(path: string, value: string): ValueList {
  saying.clear()
  saying.set(path, value)
  return saying
}

const saying = new ValueList()

function made(result: Buffer | BuildFault): Buffer {
  if (result instanceof Uint8Array) return result
  invariant(false, `field ${result.path} ${result.problem}`)
}

/** By the type of the response: what any request that has it hears again. */
function echoesOf(responses: DialectParts["responses"]): ReadonlyMap<string, Int32Array> {
  const echoes = new Map<string, Int32Array>()
  for (const { echo, mti } of responses.values()) {
    echoes.set(mti, echo.map((word, at) => word | (echoes.get(mti)?.[at] ?? 0)))
  }
  return echoes
}

const nothing: Int32Array = bitsOf([])

/** Where each role stands first. */
function pathsOf(roles: DialectParts["semantics"]["roles"]): ReadonlyMap<Role, string> {
  const paths = new Map<Role, string>()
  for (const [role, [access]] of Object.entries(roles)) {
    if (access === undefined) continue
    const { field, tail } = access
    paths.set(role as Role, tail === undefined ? String(field) : `${field}.${tail}`)
  }
  return paths
}
