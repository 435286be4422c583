/**
 * What a simulated security module does with a host command: the same keys and functions as the
 * software module, behind the bytes of the host interface. What holds: a key is used only for what
 * its block permits; an answer is an error code or whole; clear PINs and keys stay in here.
 */

import type { PinFormat } from "../domain/ports/security-module.ts"
import { encryptBlocks, encryptChain } from "../security/block-cipher.ts"
import { CipherCache } from "../security/cipher-cache.ts"
import { deriveDukpt } from "../security/dukpt-key.ts"
import { answerTo, exportSchemes, pinFormatCodes } from "../security/hsm-command.ts"
import type { KeyAttributes, UnwrappedKey } from "../security/key-block.ts"
import { checkValue, newKey } from "../security/key-material.ts"
import type { KeyStore } from "../security/key-store.ts"
import { cipherOf, modeAllows } from "../security/key-usage.ts"
import { cmac, constantTimeEqual, makeMac } from "../security/mac.ts"
import { type PinKey, type RandomBytes, translatePin } from "../security/pin-block.ts"
import { isFault, type SecurityFault } from "../security/security-fault.ts"

const noKeys = new CipherCache({ maxKeys: 0, maxCiphers: 0 })

/** A refusal: two characters. `15` invalid input, `80` length, `A4` forged block, `A6` usage. */
type Refusal = { readonly error: string }

const malformed: Refusal = { error: "15" }
const wrongLength: Refusal = { error: "80" }
const wrongKey: Refusal = { error: "10" }
const wrongTarget: Refusal = { error: "11" }

/** Error codes by the fault of the function that refused. */
const errorCodes: Readonly<Record<string, string>> = {
  "pin-digits": "20",
  "length-unfit": "20",
  "pin-pan": "22",
  "pin-format": "20",
  "pin-translation": "23",
  "algorithm-unfit": "23",
  "pin-length": "24",
  "key-usage": "A6",
  "key-length": "10",
  "block-forged": "A4",
  "block-format": "A4",
  "block-length": "A4",
  "counter-range": "15",
  "ksn-format": "15"
}

export class HsmDesk {
  readonly #store: KeyStore
  readonly #random: RandomBytes
  readonly #checkValue: string

  /** The store's master key is the module's local master key. */
  constructor(store: KeyStore, random: RandomBytes) {
    this.#store = store
    this.#random = random
    const document = JSON.parse(store.serialise()) as { readonly masterKeyCheckValue: string }
    this.#checkValue = document.masterKeyCheckValue.padEnd(16, "0")
  }

  /** The answer to a command: its own command letters, error code and fields. */
  answer(body: Uint8Array): string {
    const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString("latin1")
    const command = text.slice(0, 2)
    if (!/^[A-Z][0-9A-Z]$/.test(command)) return "ZZ15"
    const result = this.#perform(command, new Fields(text.slice(2)))
    const tail = typeof result === "string" ? `00${result}` : result.error
    return answerTo(command) + tail
  }

  #perform(command: string, fields: Fields): string | Refusal {
    switch (command) {
      case "NC":
        return fields.isDone ? `${this.#checkValue}0007-E000` : wrongLength
      case "B2":
        return fields.take(fields.hex(4)) ?? wrongLength
      case "A0":
        return this.#generate(fields)
      case "BU":
        return this.#checkValueOf(fields)
      case "M6":
      case "M8":
        return this.#mac(command, fields)
      case "CA":
      case "CC":
        return this.#translate(fields)
      case "G0":
        return this.#translateDukpt(fields)
      default:
        return { error: "68" }
    }
  }

  #generate(fields: Fields): string | Refusal {
    if (fields.take(7) !== "1FFFS;1") return malformed
    const master = this.#key(fields)
    if (isRefusal(master)) return master
    const scheme = fields.take(1)
    const header = fields.take(1) === "#" ? fields.take(10) : undefined
    const match = header === undefined
      ? undefined
      : /^([0-9A-Z]{2})(D1|T2|T3)([A-Z])([0-9A-Za-z]{2})([ENS])00$/.exec(header)
    if (match === null || match === undefined || !fields.isDone) return malformed
    const [, usage = "", size = "", mode = "", keyVersion = "", exportability = ""] = match
    const length = size === "D1" ? 8 : size === "T2" ? 16 : 24
    if (scheme !== exportSchemes[length]) return { error: "26" }
    const { attributes: over } = master
    if (over.usage !== "K0" || over.algorithm !== "T" || !modeAllows(over, "encrypt")) {
      return wrongKey
    }
    const attributes: KeyAttributes = {
      usage,
      algorithm: size.slice(0, 1),
      mode,
      keyVersion,
      exportability
    }
    const key = newKey("tdes", length, this.#random)
    if (isFault(key)) return refusalOf(key)
    const block = this.#store.wrap(attributes, key, this.#random)
    const check = checkValue("tdes", key, "ecb", 3)
    if (isFault(block)) return refusalOf(block)
    if (isFault(check)) return refusalOf(check)
    const letter = length === 8 ? "" : scheme
    return `S${block}${letter}${hexOf(encryptBlocks("tdes", master.key, key))}${hexOf(check)}`
  }

  #checkValueOf(fields: Fields): string | Refusal {
    if (fields.take(3) !== "FFF") return malformed
    const key = this.#key(fields)
    if (isRefusal(key)) return key
    if (fields.take(8) !== ";FFF;000" || !fields.isDone) return malformed
    const algorithm = cipherOf(key.attributes)
    if (algorithm === undefined) return wrongKey
    const check = checkValue(algorithm, key.key, "ecb", 8)
    return isFault(check) ? refusalOf(check) : hexOf(check)
  }

  #mac(command: "M6" | "M8", fields: Fields): string | Refusal {
    if (fields.take(3) !== "001") return malformed
    const algorithm = fields.take(1) ?? ""
    const padding = "0123".indexOf(fields.take(1) || "?")
    if (padding < 0 || fields.take(3) !== "FFF") return malformed
    const key = this.#key(fields)
    if (isRefusal(key)) return key
    const data = fields.take(fields.hex(4))
    const given = command === "M8" ? fields.take(16) : ""
    if (data === undefined || given === undefined || !fields.isDone) return wrongLength
    if (!modeAllows(key.attributes, command === "M6" ? "generate" : "verify")) {
      return wrongKey
    }
    const mac = macBy(algorithm, padding, key, Buffer.from(data, "latin1"))
    if (isRefusal(mac)) return mac
    if (command === "M6") return hexOf(mac)
    return constantTimeEqual(Buffer.from(hexOf(mac)), Buffer.from(given)) ? "" : { error: "01" }
  }

  #translate(fields: Fields): string | Refusal {
    const from = this.#pinKey(fields, "decrypt", wrongKey)
    if (isRefusal(from)) return from
    const to = this.#pinKey(fields, "encrypt", wrongTarget)
    if (isRefusal(to)) return to
    if (fields.take(2) !== "12") return malformed
    return this.#translated(from, to, fields)
  }

  #translateDukpt(fields: Fields): string | Refusal {
    const base = this.#key(fields)
    if (isRefusal(base)) return base
    const to = this.#pinKey(fields, "encrypt", wrongTarget)
    if (isRefusal(to)) return to
    const descriptor = fields.take(3)
    const digits = descriptor === "808" ? 24 : descriptor === "A05" ? 20 : 0
    const serial = fields.take(digits)
    if (digits === 0 || serial === undefined || !/^[0-9A-F]+$/.test(serial)) return malformed
    const derived = deriveDukpt(base.attributes, base.key, Buffer.from(serial, "hex"), "pin")
    if (isFault(derived)) return refusalOf(derived)
    const algorithm = cipherOf(derived.attributes) ?? "tdes"
    return this.#translated({ source: derived.key, algorithm }, to, fields)
  }

  #translated(from: PinKey, to: PinKey, fields: Fields): string | Refusal {
    const block = fields.take(from.algorithm === "aes" ? 32 : 16)
    const fromFormat = formatOf(fields.take(2))
    const toFormat = formatOf(fields.take(2))
    if (fromFormat === undefined || toFormat === undefined) return { error: "23" }
    if (block === undefined || !/^[0-9A-F]+$/.test(block)) return malformed
    const whole = fromFormat === 4 || toFormat === 4
    const account = fields.rest()
    if (whole ? !/^\d{12,19};$/.test(account) : !/^\d{12}$/.test(account)) return { error: "22" }
    const result = translatePin(noKeys, {
      from,
      to,
      fromFormat,
      toFormat,
      // Without the check digit the last of the twelve digits stands before any digit.
      pan: whole ? account.slice(0, -1) : `${account}0`,
      block: Buffer.from(block, "hex")
    }, this.#random)
    if (isFault(result)) return refusalOf(result)
    return `12${hexOf(result)}${pinFormatCodes[toFormat]}`
  }

  /** `S` and a block, whose own length says where it ends. */
  #key(fields: Fields): UnwrappedKey | Refusal {
    if (fields.take(1) !== "S") return { error: "26" }
    const length = Number(fields.peek(1, 5))
    const block = Number.isInteger(length) ? fields.take(length) : undefined
    if (block === undefined) return wrongLength
    const key = this.#store.unwrap({ block })
    return isFault(key) ? refusalOf(key) : key
  }

  #pinKey(fields: Fields, operation: "encrypt" | "decrypt", refusal: Refusal): PinKey | Refusal {
    const key = this.#key(fields)
    if (isRefusal(key)) return key
    const algorithm = cipherOf(key.attributes)
    const fits = key.attributes.usage === "P0" && modeAllows(key.attributes, operation)
    return fits && algorithm !== undefined ? { source: key.key, algorithm } : refusal
  }
}

/** The fields of a command, taken from the left; undefined when there is less than is asked for. */
class Fields {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get isDone(): boolean {
    return this.#at === this.#text.length
  }

  take(count: number): string | undefined {
    if (!Number.isInteger(count) || count < 0) return undefined
    const end = this.#at + count
    if (end > this.#text.length) return undefined
    const taken = this.#text.slice(this.#at, end)
    this.#at = end
    return taken
  }

  peek(start: number, end: number): string {
    return this.#text.slice(this.#at + start, this.#at + end)
  }

  hex(count: number): number {
    const text = this.take(count) ?? ""
    return /^[0-9A-F]+$/.test(text) ? Number.parseInt(text, 16) : -1
  }

  rest(): string {
    return this.take(this.#text.length - this.#at) ?? ""
  }
}

/** Usages that each algorithm takes: China UnionPay's form needs 1 with double-length keys. */
const macUsages: Readonly<Record<string, ReadonlyArray<string>>> = {
  "1": ["M0", "M1", "M3"],
  "3": ["M0", "M3"],
  "6": ["M6"]
}

function macBy(
  algorithm: string,
  padding: number,
  { attributes, key }: UnwrappedKey,
  bytes: Buffer
): Uint8Array | Refusal {
  if (macUsages[algorithm]?.includes(attributes.usage) !== true) return wrongKey
  if (algorithm === "6") {
    const mac = cmac(noKeys, key, "aes", bytes)
    return isFault(mac) ? refusalOf(mac) : mac.subarray(0, 8)
  }
  if (padding === 0 && bytes.length % 8 !== 0) return wrongLength
  if (algorithm === "1" && key.length !== 8) {
    // ISO 16609: a chain under the whole key; padding is the caller's.
    if (padding !== 0 || bytes.length === 0) return malformed
    return encryptChain("tdes", key, new Uint8Array(8), bytes).subarray(-8)
  }
  const name = algorithm === "1" ? "x9.9" : "x9.19"
  const method = padding === 3 ? 3 : padding === 2 ? 2 : 1
  const mac = makeMac(noKeys, key, { name, padding: method }, bytes)
  return isFault(mac) ? refusalOf(mac) : mac
}

function formatOf(code: string | undefined): PinFormat | undefined {
  const formats: ReadonlyArray<PinFormat> = [0, 1, 3, 4]
  return formats.find((format) => pinFormatCodes[format] === code)
}

function refusalOf(refusal: SecurityFault): Refusal {
  return { error: errorCodes[refusal.code] ?? "15" }
}

function isRefusal<T extends object | string>(value: T | Refusal): value is Refusal {
  return typeof value === "object" && "error" in value
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex").toUpperCase()
}
