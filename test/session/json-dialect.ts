/**
 * The dialect of these stories: the JSON dialect of the upstream's tests with what terminals need
 * besides: a MAC in field 64 (`mac-<key>`), key download by field 62, batches, pay codes, polls.
 */

import type { KeyHandle } from "../../src/domain/brand.ts"
import type { Kind } from "../../src/domain/kind.ts"
import type { CodecLane, CodecShape, Decoded, MacVerdict } from "../../src/domain/ports/codec.ts"
import type { Dialect, Message, Role } from "../../src/iso8583/message.ts"
import { encode, fakeDialect, fieldsOf, responseMti, texts } from "../upstream/fake-dialect.ts"

const rolePaths: Readonly<Partial<Record<Role, string>>> = {
  pan: "2",
  processingCode: "3",
  amount: "4",
  stan: "11",
  localTime: "12",
  localDate: "13",
  expiry: "14",
  settlementDate: "15",
  entryMode: "22",
  track2: "35",
  rrn: "37",
  authCode: "38",
  response: "39",
  terminal: "41",
  merchant: "42",
  currency: "49",
  pinBlock: "52",
  ksn: "53",
  payCode: "59",
  batch: "60",
  originalStan: "61"
}

const networkKinds: Readonly<Record<string, Kind>> = {
  "001": "sign-on",
  "003": "sign-on",
  "002": "sign-off",
  "301": "echo",
  "360": "download",
  "372": "download",
  "400": "poll"
}

const cardKinds: Readonly<Record<string, Kind>> = { "31": "balance", "20": "void", "00": "sale" }
const adviceKinds: Readonly<Record<string, Kind>> = {
  "00": "offline-sale",
  "02": "adjustment",
  "03": "completion-advice"
}

function kindOf(fields: Readonly<Record<string, string>>): Kind | undefined {
  const mti = fields["mti"]!
  if (mti.startsWith("08")) return networkKinds[fields["70"] ?? ""]
  if (mti.startsWith("04")) return "reversal"
  if (mti.startsWith("05")) return "settlement"
  const code = (fields["3"] ?? "").slice(0, 2)
  return mti.startsWith("022") ? adviceKinds[code] : cardKinds[code]
}

export function jsonDialect(): Dialect {
  const dialect = fakeDialect({ name: "json" })
  const dress = (message: Message): Message => {
    const fields = fieldsOf(message)
    return {
      ...message,
      dialect,
      role: (role) => fields[rolePaths[role] ?? ""],
      kind: () => kindOf(fields)
    }
  }
  const plainRead = dialect.read
  const changes: Partial<Dialect> = {
    mac: { fields: [64], algorithm: { name: "cup-ecb" }, form: "hex", bytes: 8 },
    read: (bytes) => {
      const read = plainRead(bytes)
      if (!("mti" in read) || fieldsOf(read)["bad"] === undefined) {
        return "mti" in read ? dress(read) : read
      }
      return { failure: "message-format", path: "4", offset: 0, expected: "n12", excerpt: "" }
    },
    salvage: (bytes) => {
      const read = plainRead(bytes)
      return "mti" in read ? dress(read) : undefined
    },
    patch: (message, { mac, set }) => {
      const { 64: _, ...fields } = fieldsOf(message)
      return encode({ ...fields, ...texts(set ?? {}), ...(mac === true ? { 64: "" } : {}) })
    },
    respond: (request, response, values, mac) => {
      const { 64: _, ...fields } = fieldsOf(request)
      const mti = responseMti(request.mti)
      return encode({ ...fields, mti, 39: response, ...texts(values), ...(mac ? { 64: "" } : {}) })
    },
    pathOf: (role) => rolePaths[role],
    channel: (message) => message.text("22") === "032" ? "qr-customer" : "chip",
    transactionKey: (message) =>
      `${message.text("41")}:${message.text("11")}:${message.mti.slice(0, 3)}`,
    pushPath: "63",
    keyDownload: (message) =>
      message.text("70") === "003" ? { shape: "cup-40", path: "62" } : undefined
  }
  return Object.assign(dialect, changes)
}

/** Works at the end of the turn, in order; checks the MAC by the number of the key. */
export class FakeCodec implements CodecShape {
  /** Takes nothing while this is true. */
  full = false
  /** Seals wait here while `holdSeals` is true. */
  readonly sealing: Array<() => void> = []
  holdSeals = false
  readonly #defer: (task: () => void) => void
  readonly #relief: Array<() => void> = []
  readonly #closed = new Set<number>()
  #lanes = 0

  constructor(defer: (task: () => void) => void) {
    this.#defer = defer
  }

  lane(): CodecLane {
    const id = ++this.#lanes
    return { id, pending: () => 0, close: () => void this.#closed.add(id) }
  }

  decode(
    lane: CodecLane,
    dialect: Dialect,
    body: Uint8Array,
    key: KeyHandle | undefined,
    done: (result: Decoded) => void
  ): boolean {
    if (this.full) return false
    const read = dialect.read(body)
    this.#later(lane, () =>
      done(
        "mti" in read
          ? { _tag: "message", message: read, mac: verdictOf(read, key) }
          : { _tag: "fault", fault: read }
      ))
    return true
  }

  verify(
    lane: CodecLane,
    message: Message,
    key: KeyHandle,
    done: (verdict: MacVerdict) => void
  ): void {
    this.#later(lane, () => done(verdictOf(message, key)))
  }

  seal(
    lane: CodecLane,
    dialect: Dialect,
    body: Uint8Array,
    key: KeyHandle,
    done: (body: Uint8Array | undefined) => void
  ): void {
    const seal = () => this.#later(lane, () => done(withMac(dialect, body, key)))
    if (this.holdSeals) this.sealing.push(seal)
    else seal()
  }

  verifyNotification(): void {}

  congested(): boolean {
    return this.full
  }

  onRelief(listener: () => void): void {
    this.#relief.push(listener)
  }

  relieve(): void {
    this.full = false
    for (const listener of this.#relief) listener()
  }

  #later(lane: CodecLane, task: () => void): void {
    this.#defer(() => {
      if (!this.#closed.has(lane.id)) task()
    })
  }
}

function verdictOf(message: Message, key: KeyHandle | undefined): MacVerdict {
  const mac = message.text("64")
  if (mac === undefined) return "absent"
  if (key === undefined || mac === "not made") return "unchecked"
  return mac === `mac-${key}` ? "right" : "wrong"
}

function withMac(dialect: Dialect, body: Uint8Array, key: KeyHandle): Uint8Array {
  const read = dialect.read(body)
  const hasPlace = "mti" in read && read.text("64") !== undefined
  return hasPlace ? encode({ ...fieldsOf(read), 64: `mac-${key}` }) : body
}
