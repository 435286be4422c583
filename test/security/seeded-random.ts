/** Bytes that look random and are the same in every run: for tests, never for keys. */

import { createHash } from "node:crypto"

export function randomFrom(seed: number): (length: number) => Uint8Array<ArrayBuffer> {
  let count = 0
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 32) {
      const part = createHash("sha256").update(`${seed}/${count++}`).digest()
      bytes.set(part.subarray(0, Math.min(32, length - at)), at)
    }
    return bytes
  }
}
