/**
 * A dialect of one's own for tests of what is above the codec: a body is the JSON of its fields,
 * `{"mti":"0200","11":"000001"}`. It keeps the contract of a compiled dialect, nothing of ISO 8583.
 */

import type { Kind } from "../../src/domain/kind.ts"
import type { Frame, FrameSink, Framing } from "../../src/frame/framing.ts"
import type { CodecFault } from "../../src/iso8583/fault.ts"
import type { Mapping } from "../../src/iso8583/mapping.ts"
import type { Dialect, Message, Role, Values } from "../../src/iso8583/message.ts"
import { ValueList } from "../../src/iso8583/value-list.ts"

export type Fields = Readonly<Record<string, string>>

const paths: Readonly<Partial<Record<Role, string>>> = {
  pan: "2",
  processingCode: "3",
  amount: "4",
  transmissionTime: "7",
  stan: "11",
  localTime: "12",
  localDate: "13",
  acquirer: "32",
  rrn: "37",
  authCode: "38",
  response: "39",
  terminal: "41",
  merchant: "42",
  currency: "49",
  networkCode: "70"
}

const networkKinds: Readonly<Record<string, Kind>> = {
  "001": "sign-on",
  "002": "sign-off",
  "301": "echo"
}

export function encode(fields: Fields): Buffer {
  return Buffer.from(JSON.stringify(fields))
}

export function responseMti(mti: string): string {
  return mti.slice(0, 2) + (Number(mti[2]) + 1) + mti[3]
}

interface FakeOptions {
  readonly name?: string
  readonly partialApprovals?: ReadonlyArray<string>
  readonly repeatMti?: string
  /** Composes reversals under the STAN of the original, as China UnionPay terminals do. */
  readonly originalStan?: boolean
  readonly forms?: ReadonlyArray<Kind>
}

export function fakeDialect(options: FakeOptions = {}): Dialect {
  const forms = new Set<Kind>(options.forms ?? ["sign-on", "sign-off", "echo"])
  const dialect: Dialect = {
    name: options.name ?? "fake",
    number: 1,
    source: undefined,
    mac: undefined,
    approvals: new Set(["00", "11"]),
    partialApprovals: new Set(options.partialApprovals ?? ["10"]),
    read: (bytes) => readFake(dialect, bytes),
    index: (bytes, start, end) => "failure" in dialect.read(bytes.subarray(start, end)) ? -1 : 0,
    fault: (bytes) => dialect.read(bytes) as CodecFault,
    view: (bytes) => readFake(dialect, bytes) as Message,
    build: (mti, values) => encode({ mti, ...texts(values) }),
    encode: (mti, values) => encode({ mti, ...texts(values) }),
    patch: (message) => Buffer.from(message.bytes),
    respond: (request, response, values) =>
      encode({
        ...fieldsOf(request),
        mti: responseMti(request.mti),
        39: response,
        ...texts(values)
      }),
    answer: (request, response, values, mac) => dialect.respond(request, response, values, mac),
    pathOf: (role) => paths[role],
    transactionKey: (message) => `${message.role("terminal")}:${message.role("stan")}`,
    isRepeat: (message) => message.mti.endsWith("1"),
    isResponse: (message) => Number(message.mti[2]) % 2 === 1,
    channel: () => "chip",
    responseCode: (code) => code,
    response1987: (code) => code,
    reversal: {
      mti: "0420",
      ...(options.repeatMti === undefined ? {} : { repeatMti: options.repeatMti }),
      accepts: new Set(["00", "25"]),
      compose: (original, reason) => ({
        4: original.amount,
        41: original.terminal,
        90: `${original.mti}:${original.stan}`,
        60: reason,
        ...(options.originalStan === true ? { 11: original.stan } : {})
      })
    },
    refer: (original) => ({
      37: original.rrn,
      38: original.authCode,
      90: `${original.mti}:${original.stan}`
    }),
    form: (kind) => {
      const code = Object.entries(networkKinds).find(([, each]) => each === kind)?.[0]
      if (code !== undefined) {
        return forms.has(kind)
          ? { mti: "0800", values: { 70: code } }
          : undefined
      }
      return { mti: "0200", values: {} }
    },
    keyDownload: () => undefined
  }
  return dialect
}

export function texts(values: Values | ValueList): Fields {
  const list = listOf(values)
  return Object.fromEntries(list.paths.map((path) => [path, String(list.get(path))]))
}

export function listOf(values: Values | ValueList): ValueList {
  const list = new ValueList()
  list.take(values)
  return list
}

export function fieldsOf(message: Message): Fields {
  return JSON.parse(Buffer.from(message.bytes).toString()) as Fields
}

function readFake(dialect: Dialect, bytes: Uint8Array): Message | CodecFault {
  let fields: Fields
  try {
    fields = JSON.parse(Buffer.from(bytes).toString()) as Fields
  } catch {
    return { failure: "message-format", path: "mti", offset: 0, expected: "JSON", excerpt: "" }
  }
  const text = (path: string): string | undefined => fields[path]
  const mti = fields["mti"] ?? ""
  return {
    dialect,
    bytes,
    index: new Int32Array(1),
    mti,
    mtiNumber: Number(mti),
    has: (field) => fields[field] !== undefined,
    fields: () => Object.keys(fields).filter((key) => key !== "mti").map(Number),
    text,
    raw: (path) => fields[path] === undefined ? undefined : Buffer.from(fields[path]),
    role: (role) => text(paths[role] ?? ""),
    kind: () => mti.startsWith("08") ? networkKinds[fields["70"] ?? ""] : "sale"
  }
}

/** Everything crosses; the stamps win. */
export function fakeMapping(from: Dialect, to: Dialect): Mapping {
  return {
    from: from.name,
    to: to.name,
    pin: true,
    forward: (request, stamp) =>
      request.has(98)
        ? { path: "98", problem: "has no source" }
        : encode({ ...fieldsOf(request), ...texts(stamp) }),
    back: (answer) => {
      const { "38": authCode, "54": balance } = fieldsOf(answer)
      return listOf({ 38: authCode, 54: balance })
    }
  }
}

/** Two bytes of length, no header. `ffff` cannot be followed. */
export const fakeFraming: Framing = {
  name: "length-2",
  deframer: (maxFrameBytes) => {
    let pending = Buffer.alloc(0)
    return {
      pendingBytes: () => pending.length,
      push: (chunk, sink: FrameSink) => {
        pending = Buffer.concat([pending, chunk])
        while (pending.length >= 2) {
          const length = pending.readUInt16BE(0)
          if (length > maxFrameBytes) return "frame-too-long"
          if (pending.length < 2 + length) return undefined
          const frame: Frame = { header: Buffer.alloc(0), body: pending.subarray(2, 2 + length) }
          pending = pending.subarray(2 + length)
          sink.onFrame(frame.header, frame.body)
        }
        return undefined
      }
    }
  },
  encode: (_, body) => {
    const frame = Buffer.alloc(2 + body.length)
    frame.writeUInt16BE(body.length, 0)
    frame.set(body, 2)
    return frame
  },
  replyHeader: () => Buffer.alloc(0),
  requestHeader: () => Buffer.alloc(0)
}
