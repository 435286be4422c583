/** PROXY headers, by the examples of the specification and by what an attacker would send. */

import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { maxHeaderBytes, readProxyHeader } from "../../src/listen/proxy-header.ts"

const signature = "0D0A0D0A000D0A515549540A"
const v1 = (text: string): Buffer => Buffer.from(text, "latin1")
const v2 = (rest: string): Buffer => Buffer.from(signature + rest.replaceAll(" ", ""), "hex")

function source(bytes: Buffer): string {
  const header = readProxyHeader(bytes)
  if (header._tag !== "header") return header._tag
  const who = header.source
  return `${who === undefined ? "itself" : `${who.address} ${who.port}`} after ${header.bytes}`
}

describe("a PROXY header", () => {
  it("of version 1 names the peer", () => {
    expect(source(v1("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET"))).toBe(
      "192.0.2.1 56324 after 45"
    )
    expect(source(v1("PROXY TCP6 2001:db8::1 2001:db8::2 65535 1\r\n"))).toBe(
      "2001:db8::1 65535 after 44"
    )
    expect(source(v1("PROXY UNKNOWN\r\n"))).toBe("itself after 15")
    expect(source(v1("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"))).toBe("itself after 43")
  })

  it("of version 2 names the peer", () => {
    expect(source(v2("21 11 000C C0000201 C6336401 DC04 01BB"))).toBe("192.0.2.1 56324 after 28")
    const six = "20010DB8000000000000000000000001"
    expect(source(v2(`21 21 0024 ${six} ${six} DC04 01BB`))).toBe(
      "2001:db8:0:0:0:0:0:1 56324 after 52"
    )
    expect(source(v2("20 00 0000"))).toBe("itself after 16")
    // A health check speaks for the balancer, whatever addresses it carries.
    expect(source(v2("20 11 000C C0000201 C6336401 DC04 01BB"))).toBe("itself after 28")
    expect(source(v2("21 00 0003 AABBCC"))).toBe("itself after 19")
    // A TLV behind the addresses is skipped.
    expect(source(v2("21 11 0010 C0000201 C6336401 DC04 01BB 04000100"))).toBe(
      "192.0.2.1 56324 after 32"
    )
  })

  it("is refused where it is malformed", () => {
    const bad = [
      v1("GET / HTTP/1.1\r\n"),
      v1("PROXY TCP4 192.0.2.1 198.51.100.1 56324 65536\r\n"),
      v1("PROXY TCP4 192.0.2.1 198.51.100.1 056324 443\r\n"),
      v1("PROXY TCP4 2001:db8::1 198.51.100.1 1 2\r\n"),
      v1("PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n"),
      v1("PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n"),
      v1("PROXY UDP6 2001:db8::1 2001:db8::2 1 2\r\n"),
      v1("PROXY TCP4 192.0.2.1 nowhere 1 2\r\n"),
      v1(`PROXY TCP4 ${"1".repeat(200)}`),
      v2("31 11 000C C0000201 C6336401 DC04 01BB"),
      v2("21 11 0004 C0000201"),
      v2("21 31 000C C0000201 C6336401 DC04 01BB"),
      v2(`21 31 00D8 ${"00".repeat(216)}`),
      v2(`21 11 000B ${"00".repeat(11)}`),
      v2(`21 21 000C ${"00".repeat(12)}`),
      v2(`21 21 0023 ${"00".repeat(35)}`),
      v2("21 11 FFFF"),
      Buffer.from("0200")
    ]
    expect(bad.map(source)).toEqual(bad.map(() => "wrong"))
  })

  it("is as long as it may be, and not a byte longer", () => {
    const filled = (bytes: number) => v1(`PROXY UNKNOWN ${"x".repeat(bytes - 16)}\r\n`)
    expect(source(filled(107))).toBe("itself after 107")
    expect(source(filled(108))).toBe("wrong")
    const endless = v1(`PROXY UNKNOWN ${"x".repeat(100)}`)
    expect([106, 107].map((length) => source(endless.subarray(0, length)))).toEqual([
      "more",
      "wrong"
    ])
    const four = "C0000201 C6336401 DC04 01BB"
    expect(source(v2(`21 11 07F0 ${four} ${"00".repeat(2020)}`))).toBe("192.0.2.1 56324 after 2048")
    expect(source(v2(`21 11 07F1 ${four}`))).toBe("wrong")
  })

  it("is waited for in any pieces, and gives the same whole", () => {
    const whole = [
      v1("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"),
      v2("21 11 000C C0000201 C6336401 DC04 01BB")
    ]
    for (const bytes of whole) {
      for (let length = 1; length < bytes.length; length++) {
        expect(source(bytes.subarray(0, length))).toBe("more")
      }
    }
  })

  it("is decided within its limit, whatever comes", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(
          "",
          "PROXY ",
          "PROXY TCP4 ",
          Buffer.from(signature, "hex").toString("latin1")
        ),
        fc.uint8Array({ minLength: maxHeaderBytes, maxLength: maxHeaderBytes + 10 }),
        (start, rest) => {
          const header = readProxyHeader(Buffer.concat([Buffer.from(start, "latin1"), rest]))
          expect(header._tag).not.toBe("more")
        }
      ),
      { numRuns: 300, seed: 3 }
    )
  })
})
