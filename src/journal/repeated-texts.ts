/**
 * Texts that many records have in common, made once: a restart looks at as many terminals as there
 * are records, and a map finds again at once what is the same object. Bounded: above the limit each
 * is made anew.
 */

const limit = 65_536

export class RepeatedTexts {
  /** By the hash of their bytes; of two with one hash, the first is kept. */
  readonly #texts = new Map<number, string>()
  /** Neighbours mostly have the same. */
  #before = ""

  /** The text that these bytes are in UTF-8. */
  at(bytes: Buffer, start: number, end: number): string {
    if (isText(this.#before, bytes, start, end)) return this.#before
    let hash = 0
    for (let at = start; at < end; at++) hash = Math.imul(hash, 31) + bytes[at]! | 0
    const known = this.#texts.get(hash)
    if (known !== undefined && isText(known, bytes, start, end)) return this.#before = known
    const text = bytes.toString("utf8", start, end)
    if (known === undefined && this.#texts.size < limit) this.#texts.set(hash, text)
    return text
  }
}

/** False for texts beyond ASCII: they are made each time. */
function isText(text: string, bytes: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false
  for (let at = start; at < end; at++) {
    const unit = bytes[at]!
    if (unit > 0x7f || unit !== text.charCodeAt(at - start)) return false
  }
  return true
}
