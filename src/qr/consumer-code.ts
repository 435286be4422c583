/**
 * EMVCo consumer-presented codes (CPM 1.1): what a customer shows and a shop scans. The text is
 * base64 of BER-TLV that begins with 85 05 "CPV01", so it always begins with `hQVDUFYw`. Must hold:
 * card numbers leave as {@link Pan}; an object stands in an application (61) or in the common part
 * (62), never in both.
 */

import { Pan } from "../domain/pan.ts"
import { type ReadTlv, readTlv, type TlvObject, writeTlv } from "./ber-tlv.ts"
import { type CodeFault, codeFault } from "./code-fault.ts"

export const consumerCodePrefix = "hQVDUFYw"

/** Bytes before base64 (EMVCo CPM 1.1 §3). */
const maxConsumerBytes = 512

export interface ConsumerApplication {
  /** ADF name (4F), upper-case hex. */
  readonly aid: string
  /** 50 */
  readonly label?: string
  /**
   * From 5A, or the digits before `D` in 57; from the common part where the application has none.
   */
  readonly pan?: Pan
  /** YYMM, from 57. */
  readonly expiry?: string
}

interface ConsumerCode {
  readonly objects: ReadonlyArray<ReadTlv>
  /** In the order of the code: the first is preferred. */
  readonly applications: ReadonlyArray<ConsumerApplication>
}

/** As much of a code as can be read, right or wrong. */
export interface ConsumerReading extends ConsumerCode {
  /** Before base64. */
  readonly bytes: number
  /** By place, the first first; an offset counts bytes. */
  readonly faults: ReadonlyArray<CodeFault>
}

export function readConsumerCode(text: string): ConsumerReading {
  const fault = textFault(text)
  if (fault !== undefined) return { bytes: 0, objects: [], applications: [], faults: [fault] }
  const bytes = Buffer.from(text, "base64")
  const { faults: structural, objects } = readTlv(bytes)
  const templates = objects.filter(({ tag }) => tag === "61")
  const commons = objects.filter(({ tag }) => tag === "62")
  const common = commons[0]?.children ?? []
  const faults = [...structural, ...numberFaults(objects)]
  if (objects[0]?.tag !== "85" || Buffer.from(objects[0].value).toString("latin1") !== "CPV01") {
    faults.push(codeFault("85", 0, "payload format CPV01 as the first object"))
  }
  if (templates.length < 1 || templates.length > 2) {
    const at = templates[2]?.at ?? bytes.length
    faults.push(codeFault("61", at, "one or two application templates"))
  }
  if (commons.length > 1) {
    faults.push(codeFault("62", commons[1]!.at, "at most one common data template"))
  }
  const applications: Array<ConsumerApplication> = []
  for (const { children = [], cut, end } of templates) {
    for (const twice of common) {
      if (!children.some(({ tag }) => tag === twice.tag)) continue
      faults.push(codeFault(`62.${twice.tag}`, twice.at, "an object that 61 does not have too"))
    }
    const aid = children.find(({ tag }) => tag === "4F")
    if (aid !== undefined && aid.value.length >= 5 && aid.value.length <= 16) {
      applications.push(application(aid.value, [...children, ...common]))
    } else if (aid !== undefined || cut !== true) {
      faults.push(codeFault("61.4F", aid?.at ?? end, "an ADF name of 5 to 16 bytes"))
    }
  }
  faults.sort((left, right) => left.offset - right.offset)
  return { bytes: bytes.length, objects, applications, faults }
}

/** The code, or the first thing that is wrong with it. */
export function parseConsumerCode(text: string): ConsumerCode | CodeFault {
  const { applications, faults, objects } = readConsumerCode(text)
  return faults[0] ?? { objects, applications }
}

function textFault(text: string): CodeFault | undefined {
  if (text.length > Math.ceil(maxConsumerBytes / 3) * 4) {
    return codeFault("", 0, `at most ${maxConsumerBytes} bytes in base64`)
  }
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
    const wrong = /[^A-Za-z0-9+/]/.exec(text)
    const at = Math.floor((wrong?.index ?? text.length) / 4) * 3
    return codeFault("", at, "base64 with its padding")
  }
  const bytes = Buffer.from(text, "base64").length
  return bytes > maxConsumerBytes
    ? codeFault("", maxConsumerBytes, `at most ${maxConsumerBytes} bytes`)
    : undefined
}

/** Card numbers, wherever they stand. */
function numberFaults(objects: ReadonlyArray<ReadTlv>, above = ""): ReadonlyArray<CodeFault> {
  return objects.flatMap(({ at, children, tag, value }) => {
    const path = above === "" ? tag : `${above}.${tag}`
    if (children !== undefined) return numberFaults(children, path)
    if (tag === "5A" && cardNumber(value) === undefined) {
      return [codeFault(path, at, "a card number of 12 to 19 digits")]
    }
    return tag === "57" && trackOf(value) === undefined
      ? [codeFault(path, at, "a card number, D and an expiry of four digits")]
      : []
  })
}

/** Of a value of 5A, without its filling. */
export function cardNumber(value: Uint8Array): Pan | undefined {
  return Pan.parse(nibbles(value).replace(/F+$/, ""))
}

/** What may be known of a value of 57; the rest of a track goes nowhere. */
export function trackOf(
  value: Uint8Array
): { readonly pan: Pan; readonly expiry: string } | undefined {
  const [, digits = "", expiry = ""] = /^([0-9]{12,19})D([0-9]{4})/.exec(nibbles(value)) ?? []
  const pan = Pan.parse(digits)
  return pan === undefined ? undefined : { pan, expiry }
}

/** Base64 text of the objects; 85 is added where it is not the first. */
export function buildConsumerCode(objects: ReadonlyArray<TlvObject>): string | CodeFault {
  const first: TlvObject = { tag: "85", value: Buffer.from("CPV01") }
  const bytes = writeTlv(objects[0]?.tag === "85" ? objects : [first, ...objects])
  const text = bytes.toString("base64")
  const parsed = parseConsumerCode(text)
  return "_tag" in parsed ? parsed : text
}

function application(aid: Uint8Array, objects: ReadonlyArray<TlvObject>): ConsumerApplication {
  const label = find(objects, "50")
  const track = trackOf(find(objects, "57") ?? new Uint8Array(0))
  const pan = cardNumber(find(objects, "5A") ?? new Uint8Array(0)) ?? track?.pan
  return {
    aid: nibbles(aid),
    ...(label === undefined ? undefined : { label: Buffer.from(label).toString("latin1") }),
    ...(pan === undefined ? undefined : { pan }),
    ...(track === undefined ? undefined : { expiry: track.expiry })
  }
}

function find(objects: ReadonlyArray<TlvObject>, tag: string): Uint8Array | undefined {
  return objects.find((object) => object.tag === tag)?.value
}

function nibbles(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex").toUpperCase()
}
