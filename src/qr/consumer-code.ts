/**
 * EMVCo consumer-presented codes (CPM 1.1): what a customer shows and a shop scans. The text is
 * base64 of BER-TLV that begins with 85 05 "CPV01", so it always begins with `hQVDUFYw`. Must hold:
 * card numbers leave as {@link Pan}; an object stands in an application (61) or in the common part
 * (62), never in both.
 */

import { Pan } from "../domain/pan.ts"
import { readTlv, type TlvObject, writeTlv } from "./ber-tlv.ts"
import { type CodeFault, codeFault } from "./code-fault.ts"

export const consumerCodePrefix = "hQVDUFYw"

/** Bytes before base64 (EMVCo CPM 1.1 §3). */
const maxConsumerBytes = 512

interface ConsumerApplication {
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
  readonly objects: ReadonlyArray<TlvObject>
  /** In the order of the code: the first is preferred. */
  readonly applications: ReadonlyArray<ConsumerApplication>
}

export function parseConsumerCode(text: string): ConsumerCode | CodeFault {
  if (text.length > Math.ceil(maxConsumerBytes / 3) * 4) {
    return codeFault("", 0, `at most ${maxConsumerBytes} bytes in base64`)
  }
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
    return codeFault("", 0, "base64 with its padding")
  }
  const bytes = Buffer.from(text, "base64")
  if (bytes.length > maxConsumerBytes) {
    return codeFault("", maxConsumerBytes, `at most ${maxConsumerBytes} bytes`)
  }
  const objects = readTlv(bytes)
  if ("_tag" in objects) return objects
  if (objects[0]?.tag !== "85" || Buffer.from(objects[0].value).toString("latin1") !== "CPV01") {
    return codeFault("85", 0, "payload format CPV01 as the first object")
  }
  const templates = objects.filter(({ tag }) => tag === "61")
  const common = objects.find(({ tag }) => tag === "62")?.children ?? []
  if (templates.length < 1 || templates.length > 2) {
    return codeFault("61", 0, "one or two application templates")
  }
  const applications: Array<ConsumerApplication> = []
  for (const { children = [] } of templates) {
    const twice = common.find(({ tag }) => children.some((child) => child.tag === tag))
    if (twice !== undefined) {
      return codeFault(`62.${twice.tag}`, 0, "an object that 61 does not have too")
    }
    const aid = find(children, "4F")
    if (aid === undefined || aid.length < 5 || aid.length > 16) {
      return codeFault("61.4F", 0, "an ADF name of 5 to 16 bytes")
    }
    applications.push(application(aid, [...children, ...common]))
  }
  return { objects, applications }
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
  const track = nibbles(find(objects, "57"))
  const [trackPan = "", tail = ""] = track.split("D")
  const pan = Pan.parse(nibbles(find(objects, "5A")).replace(/F+$/, "") || trackPan)
  const expiry = /^[0-9]{4}/.exec(tail)?.[0]
  return {
    aid: nibbles(aid),
    ...(label === undefined ? undefined : { label: Buffer.from(label).toString("latin1") }),
    ...(pan === undefined ? undefined : { pan }),
    ...(expiry === undefined ? undefined : { expiry })
  }
}

function find(objects: ReadonlyArray<TlvObject>, tag: string): Uint8Array | undefined {
  return objects.find((object) => object.tag === tag)?.value
}

function nibbles(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "" : Buffer.from(bytes).toString("hex").toUpperCase()
}
