/**
 * The message type indicator: four digits.
 *
 *     0200    version 0 (1987), class 2 (financial), function 0 (request), origin 0 (acquirer)
 *
 * An odd function is the answer to the even one before it; an odd origin repeats the even one.
 */

import { readPrefix } from "./length-prefix.ts"

export const mtiEncodings = ["ascii", "bcd", "ebcdic"] as const
export type MtiEncoding = typeof mtiEncodings[number]

export function mtiBytes(encoding: MtiEncoding): number {
  return encoding === "bcd" ? 2 : 4
}

const codes: Readonly<Record<MtiEncoding, number>> = { ascii: 0, bcd: 1, ebcdic: 2 }

/** 0 to 9999, or -1 where no digits stand. */
export function readMti(encoding: MtiEncoding, bytes: Uint8Array, at: number): number {
  return readPrefix(codes[encoding], bytes, at, mtiBytes(encoding))
}

/** The number of four digits, or -1. */
export function mtiFrom(text: string): number {
  if (text.length !== 4) return -1
  let mti = 0
  for (let at = 0; at < 4; at++) {
    const digit = text.charCodeAt(at) - 0x30
    if (digit < 0 || digit > 9) return -1
    mti = mti * 10 + digit
  }
  return mti
}

export function writeMti(encoding: MtiEncoding, mti: number, out: Uint8Array, at: number): void {
  if (encoding === "bcd") {
    out[at] = (Math.trunc(mti / 1000) << 4) | (Math.trunc(mti / 100) % 10)
    out[at + 1] = (Math.trunc(mti / 10) % 10 << 4) | (mti % 10)
    return
  }
  const zero = encoding === "ascii" ? 0x30 : 0xf0
  out[at] = zero + Math.trunc(mti / 1000)
  out[at + 1] = zero + Math.trunc(mti / 100) % 10
  out[at + 2] = zero + Math.trunc(mti / 10) % 10
  out[at + 3] = zero + mti % 10
}

export function isResponseMti(mti: number): boolean {
  return (Math.trunc(mti / 10) & 1) === 1
}

/**
 * Of an initiator who waits: a request or an advice (ISO 8583:1987, message function). Nobody
 * answers a response, and a notification wants nothing.
 */
export function awaitsAnswer(mti: number): boolean {
  const messageFunction = Math.trunc(mti / 10) % 10
  return messageFunction === 0 || messageFunction === 2
}

/** What answers it where the dialect does not say; a repeat is answered as its original is. */
export function answerMti(mti: number): number {
  return (mti - mti % 2 + 10) % 10_000
}

export function isRepeatMti(mti: number): boolean {
  return (mti & 1) === 1
}
