/**
 * Field 59 of the China UnionPay POS dialect: tags and values inside one text, where each family of
 * tags counts in its own way.
 *
 *     A3 019 6222095947245984168      pay code; A4 in answers: voucher.   3 digits, characters
 *     A2 53 01 02 05 02 16 ...        terminal's data, with tags inside.  2 digits (some: 3)
 *     EF01 33 68747470733A2F2F...     texts of some acquirers.            2 digits, bytes as hex
 *
 * Must hold: what is not understood is kept as it came; a length never reaches beyond the field.
 * Observed in captured messages, since no paper of the scheme is public: sources differ about A2.
 */

export interface Entry59 {
  readonly tag: string
  /** As it stands in the field: characters, or hex for the EF tags. */
  readonly value: string
  /** Tags inside A2. */
  readonly children?: ReadonlyArray<Entry59>
}

export interface Field59 {
  readonly entries: ReadonlyArray<Entry59>
  /** What follows the last entry that was understood; "" when nothing does. */
  readonly rest: string
}

/** Longest field 59 of the dialect, in bytes. */
export const maxField59 = 600

/** `text` has one character per byte (latin1), so that GBK values pass through unchanged. */
export function readField59(text: string): Field59 {
  if (text.length > maxField59) return { entries: [], rest: text }
  const entries: Array<Entry59> = []
  let at = 0
  while (at < text.length) {
    const next = readEntry(text, at)
    if (next === undefined) break
    entries.push(next.entry)
    at = next.end
  }
  return { entries, rest: text.slice(at) }
}

export function writeField59(entries: ReadonlyArray<Entry59>): string {
  return entries.map(({ tag, value }) => {
    const units = tag.startsWith("EF") ? value.length / 2 : value.length
    return tag + String(units).padStart(lengthDigits(tag)[0]!, "0") + value
  }).join("")
}

/** The customer's pay code in a request. */
export function payCodeOf(text: string): string | undefined {
  return readField59(text).entries.find(({ tag }) => tag === "A3")?.value
}

/** The wallet's payment voucher number in an answer, which a void or refund must carry. */
export function voucherOf(text: string): string | undefined {
  return readField59(text).entries.find(({ tag }) => tag === "A4")?.value
}

/** The bytes of an EF tag; undefined for other tags and where the value is not hex. */
export function hexBytes(entry: Entry59): Buffer | undefined {
  if (!entry.tag.startsWith("EF") || !/^(?:[0-9A-Fa-f]{2})*$/.test(entry.value)) return undefined
  return Buffer.from(entry.value, "hex")
}

/** Widths of the length to try, in this order; the first after which the field goes on is right. */
function lengthDigits(tag: string): ReadonlyArray<number> {
  if (tag === "A2") return [2, 3]
  return tag.startsWith("EF") ? [2] : [3]
}

function readEntry(
  text: string,
  at: number
): { readonly entry: Entry59; readonly end: number } | undefined {
  const tag = /^(?:EF[0-9]{2}|[A-Z][0-9A-Z])/.exec(text.slice(at, at + 4))?.[0]
  if (tag === undefined) return undefined
  for (const width of lengthDigits(tag)) {
    const length = text.slice(at + tag.length, at + tag.length + width)
    if (length.length !== width || !/^[0-9]+$/.test(length)) continue
    const from = at + tag.length + width
    const end = from + Number(length) * (tag.startsWith("EF") ? 2 : 1)
    if (end > text.length || !startsEntry(text, end)) continue
    const value = text.slice(from, end)
    if (tag !== "A2") return { entry: { tag, value }, end }
    const children = readInner(value)
    if (children !== undefined) return { entry: { tag, value, children }, end }
  }
  return undefined
}

function startsEntry(text: string, at: number): boolean {
  return at === text.length || /^[A-Z][0-9A-Z]/.test(text.slice(at, at + 2))
}

/** Two digits of tag and two of length: 01 type, 02 serial, 03 random, 04 cipher, 05 version. */
function readInner(text: string): ReadonlyArray<Entry59> | undefined {
  const entries: Array<Entry59> = []
  let at = 0
  while (at < text.length) {
    const head = /^([0-9]{2})([0-9]{2})/.exec(text.slice(at, at + 4))
    if (head === null) return undefined
    const end = at + 4 + Number(head[2])
    if (end > text.length) return undefined
    entries.push({ tag: head[1]!, value: text.slice(at + 4, end) })
    at = end
  }
  return entries
}
