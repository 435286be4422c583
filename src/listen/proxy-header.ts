/**
 * The PROXY protocol header, by which a balancer names the real peer of a connection. What must
 * hold: any bytes give a header, a wait or a refusal, after at most `maxHeaderBytes`.
 *
 *   version 1   "PROXY TCP4 192.0.2.1 198.51.100.1 56324 8583\r\n", 107 bytes at most
 *
 *   version 2   | 0D0A0D0A000D0A515549540A | 2 + command | family | length 2 | addresses | TLVs |
 *                 signature                  20 local      11 TCP4
 *                                            21 proxy      21 TCP6
 *
 * https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
 */

import { isIPv4, isIPv6 } from "node:net"

type ProxyHeader =
  | {
    readonly _tag: "header"
    readonly bytes: number
    /** Undefined when the balancer speaks for itself (health checks) or does not know. */
    readonly source: { readonly address: string; readonly port: number } | undefined
  }
  | { readonly _tag: "more" }
  | { readonly _tag: "wrong" }

export const maxHeaderBytes = 2048

const more: ProxyHeader = { _tag: "more" }
const wrong: ProxyHeader = { _tag: "wrong" }

const signature = Buffer.from("0D0A0D0A000D0A515549540A", "hex")
const word = Buffer.from("PROXY ", "latin1")
const maxLine = 107

/** Reads the header that a connection begins with. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (agrees(bytes, signature)) return bytes.length < 16 ? more : binary(bytes)
  if (agrees(bytes, word)) return line(bytes)
  return wrong
}

/** Do the bytes begin with the mark, as far as they go? */
function agrees(bytes: Buffer, mark: Buffer): boolean {
  const length = Math.min(bytes.length, mark.length)
  return bytes.compare(mark, 0, length, 0, length) === 0
}

function line(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, maxLine).indexOf("\r\n")
  if (end === -1) return bytes.length < maxLine ? more : wrong
  const [, family, source = "", target = "", port = "", targetPort = "", ...rest] = bytes
    .toString("latin1", 0, end)
    .split(" ")
  const whole = end + 2
  if (family === "UNKNOWN") return { _tag: "header", bytes: whole, source: undefined }
  const is = family === "TCP4" ? isIPv4 : family === "TCP6" ? isIPv6 : undefined
  if (is === undefined || !is(source) || !is(target) || rest.length > 0) return wrong
  if (!isPort(port) || !isPort(targetPort)) return wrong
  return { _tag: "header", bytes: whole, source: { address: source, port: Number(port) } }
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

function binary(bytes: Buffer): ProxyHeader {
  const command = bytes[12]
  const family = bytes[13]
  const whole = 16 + bytes.readUInt16BE(14)
  if (command !== 0x20 && command !== 0x21 || whole > maxHeaderBytes) return wrong
  if (bytes.length < whole) return more
  const unknown = command === 0x20 || family === 0x00
  if (unknown) return { _tag: "header", bytes: whole, source: undefined }
  if (family === 0x11 && whole >= 28) {
    const address = bytes.subarray(16, 20).join(".")
    return { _tag: "header", bytes: whole, source: { address, port: bytes.readUInt16BE(24) } }
  }
  if (family === 0x21 && whole >= 52) {
    const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(16 + 2 * at))
    const address = groups.map((group) => group.toString(16)).join(":")
    return { _tag: "header", bytes: whole, source: { address, port: bytes.readUInt16BE(48) } }
  }
  return wrong
}
