/** Shapes that several parts of the configuration file share. */

import { isMap, isScalar } from "yaml"
import type { SecretReference } from "../domain/config.ts"
import type { PinFormat } from "../domain/ports/security-module.ts"
import { type Limit, limits } from "./limits.ts"
import {
  choice,
  defaulted,
  type Field,
  type Keywords,
  optional,
  record,
  required,
  section,
  type Shape,
  table,
  text,
  wholeNumber
} from "./shape.ts"

/** A name that others refer to. */
export const name = text(
  "a name of letters, digits, - and _",
  /^[A-Za-z][A-Za-z0-9_-]{0,39}$/
)

/** Local time of day. */
export const cutOverTime = text("a time HH:MM", /^(?:[01]\d|2[0-3]):[0-5]\d$/)

/** A key of the key store. */
export const keyName = text(
  "the name of a key: letters, digits, dots, - and _",
  /^[A-Za-z0-9._-]{1,64}$/
)

const pinFormats: ReadonlyArray<PinFormat> = [0, 1, 3, 4]

export const pinFormat: Shape<PinFormat> = {
  words: "a PIN block format: 0, 1, 3 or 4",
  keywords: { enum: pinFormats },
  read: (node, path, source) =>
    pinFormats.find((each) => isScalar(node) && node.value === each) ??
      source.fault(path, "expected a PIN block format: 0, 1, 3 or 4")
}

const word = text("text on one line")

export const filePath: Shape<string> = { ...text("a path, relative to this file"), names: "path" }

/** A TCP port; 0 asks the system for a free one. */
export const port = wholeNumber(0, 65_535)

export const host = text("an address or a host name", /^[A-Za-z0-9.:_-]{1,253}$/)

/** A number whose default and bounds are a named limit. */
export function bounded(limit: Limit, unit: string): Field<number> & {
  readonly presence: "defaulted"
} {
  return {
    shape: wholeNumber(limit.least, limit.most, unit),
    about: `${limit.why[0]!.toUpperCase()}${limit.why.slice(1)}.`,
    presence: "defaulted",
    fallback: limit.usual,
    change: "restart"
  }
}

/** What a variable of the environment may be called. */
const variable = /^[A-Za-z_][A-Za-z0-9_]*$/

const secretWords = "{ file: <path> } or { env: <NAME> }; a secret itself is never in the file"

/** A reference to a secret. What stands there instead is never repeated: it may be the secret. */
export const secretShape: Shape<SecretReference> = {
  words: secretWords,
  names: "secret",
  keywords: {
    oneOf: [
      reference("file", { type: "string", minLength: 1 }),
      reference("env", { type: "string", pattern: variable.source })
    ]
  },
  read: (node, path, source) => {
    const items = isMap(node) ? node.items : []
    const [first] = items
    const key = first !== undefined && isScalar(first.key) ? first.key.value : undefined
    const value = first !== undefined && isScalar(first.value) ? first.value.value : undefined
    const known = key === "file" || key === "env"
    if (items.length !== 1 || !known || typeof value !== "string" || value === "") {
      return source.fault(path, `expected ${secretWords}`)
    }
    if (key === "file") return { file: value }
    if (variable.test(value)) return { env: value }
    return source.fault(`${path}.env`, "expected the name of an environment variable")
  }
}

function reference(key: "file" | "env", value: Keywords): Keywords {
  return {
    type: "object",
    additionalProperties: false,
    required: [key],
    properties: { [key]: value }
  }
}

export const reconnect = section(
  record({
    firstMs: bounded(limits.reconnectFirstMs, "milliseconds"),
    maxMs: bounded(limits.reconnectMaxMs, "milliseconds")
  }),
  "Pauses between connects, growing from the first to the last."
)

export const accountShape = record({
  name: required(name, "What upstreams of kind `wallet` call it."),
  scheme: required(
    choice(["wechat", "alipay", "unionpay", "hmac"]),
    "Whose signature and whose field names."
  ),
  path: required(
    text("a URL path such as /notify/wechat", /^\/[A-Za-z0-9/_-]{1,100}$/),
    "Where its notifications arrive on the public listener."
  ),
  merchantId: required(word, "Our merchant number at the wallet."),
  appId: optional(word, "Our application id, where the wallet has one."),
  secret: optional(secretShape, "The shared secret: WeChat's APIv3 key, an HMAC key."),
  publicKeys: optional(table(secretShape), "The wallet's public keys by serial number."),
  privateKey: optional(secretShape, "Our private key, for requests."),
  serial: optional(word, "Serial number of our certificate."),
  replayWindowMs: bounded(limits.replayWindowMs, "milliseconds")
})

export const tlsShape = record({
  keyFile: required(filePath, "Private key, PEM."),
  certificateFile: required(filePath, "Certificate chain, PEM."),
  authorityFile: optional(filePath, "Authorities that client certificates must come from, PEM."),
  revocationFile: optional(filePath, "Revoked client certificates, PEM."),
  clientCertificate: defaulted(
    choice(["none", "optional", "required"]),
    "none",
    "Whether a terminal must show a certificate."
  )
})
