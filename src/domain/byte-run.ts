/** Copying bytes from one buffer to another. Allocates nothing. */

type Copy = (this: Uint8Array, target: Uint8Array, at: number, from: number, to: number) => number

const { copy } = Buffer.prototype as unknown as { readonly copy: Copy }

/** `bytes[from, to)` to `out` at `at`; short runs byte by byte: a call to the engine costs more. */
export function copyRun(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number
): void {
  if (to - from > 24) copy.call(bytes, out, at, from, to)
  else {
    for (let byte = from; byte < to; byte++) out[at + byte - from] = bytes[byte]!
  }
}
