/**
 * Character sets of field values. ASCII is read as latin1, one character a byte, so that bytes
 * outside the standard survive; EBCDIC by code page 037 or 1047; GBK counts bytes, not characters.
 */

/** Code page 037: the latin1 character of each byte, as hex. Python's codec agrees. */
const page037 = Buffer.from(
  "000102039c09867f978d8e0b0c0d0e0f101112139d8508871819928f1c1d1e1f" +
    "80818283840a171b88898a8b8c050607909116939495960498999a9b14159e1a" +
    "20a0e2e4e0e1e3e5e7f1a22e3c282b7c26e9eaebe8edeeefecdf21242a293bac" +
    "2d2fc2c4c0c1c3c5c7d1a62c255f3e3ff8c9cacbc8cdcecfcc603a2340273d22" +
    "d8616263646566676869abbbf0fdfeb1b06a6b6c6d6e6f707172aabae6b8c6a4" +
    "b57e737475767778797aa1bfd0dddeae5ea3a5b7a9a7b6bcbdbe5b5dafa8b4d7" +
    "7b414243444546474849adf4f6f2f3f57d4a4b4c4d4e4f505152b9fbfcf9faff" +
    "5cf7535455565758595ab2d4d6d2d3d530313233343536373839b3dbdcd9da9f",
  "hex"
)

/** Where code page 1047 differs: brackets, caret, not sign, Y acute, diaeresis. */
const page1047 = Buffer.from(page037)
for (
  const [byte, character] of [
    [0xad, 0x5b],
    [0xbd, 0x5d],
    [0x5f, 0x5e],
    [0xb0, 0xac],
    [0xba, 0xdd],
    [0xbb, 0xa8]
  ] as const
) page1047[byte] = character

/** Two byte tables, one for each way. */
export interface CodePage {
  readonly toLatin1: Uint8Array
  readonly fromLatin1: Uint8Array
}

function codePage(toLatin1: Uint8Array): CodePage {
  const fromLatin1 = new Uint8Array(256)
  toLatin1.forEach((character, byte) => {
    fromLatin1[character] = byte
  })
  return { toLatin1, fromLatin1 }
}

export const ebcdic037: CodePage = codePage(page037)
export const ebcdic1047: CodePage = codePage(page1047)

const { hexSlice, latin1Slice } = Buffer.prototype as unknown as {
  readonly hexSlice: (this: Uint8Array, start: number, end: number) => string
  readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string
}

/** `bytes[start, end)` as latin1 text; short values without a call into the engine's C++. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return latin1Slice.call(bytes, start, end)
}

/** Lower-case hex. */
export function hex(bytes: Uint8Array, start: number, end: number): string {
  return hexSlice.call(bytes, start, end)
}

export function ebcdic(page: CodePage, bytes: Uint8Array, start: number, end: number): string {
  const copy = Buffer.allocUnsafe(end - start)
  for (let at = start; at < end; at++) copy[at - start] = page.toLatin1[bytes[at]!]!
  return latin1Slice.call(copy, 0, copy.length)
}

const gbkDecoder = new TextDecoder("gbk")

export function gbk(bytes: Uint8Array, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    if (bytes[at]! >= 0x80) return gbkDecoder.decode(bytes.subarray(start, end))
  }
  return latin1(bytes, start, end)
}

let gbkPairs: ReadonlyMap<string, number> | undefined

/** Undefined when a character has no place in GBK. */
export function gbkBytes(text: string): Uint8Array | undefined {
  gbkPairs ??= allPairs()
  const bytes: Array<number> = []
  for (const character of text) {
    const code = character.charCodeAt(0)
    const pair = code < 0x80 ? code : gbkPairs.get(character)
    if (pair === undefined) return undefined
    if (pair > 0xff) bytes.push(pair >> 8)
    bytes.push(pair & 0xff)
  }
  return Uint8Array.from(bytes)
}

function allPairs(): ReadonlyMap<string, number> {
  const pairs = new Map<string, number>()
  for (let lead = 0x81; lead <= 0xfe; lead++) {
    for (let trail = 0x40; trail <= 0xfe; trail++) {
      if (trail === 0x7f) continue
      const character = gbkDecoder.decode(Uint8Array.of(lead, trail))
      if (character.length === 1 && character !== "\ufffd" && !pairs.has(character)) {
        pairs.set(character, (lead << 8) | trail)
      }
    }
  }
  return pairs
}
