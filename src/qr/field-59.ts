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

interface Entry59 {
  readonly tag: string
  /** As it stands in the field: characters, or hex for the EF tags. */
  readonly value: string
  /** Tags inside A2. */
  readonly children?: ReadonlyArray<Entry59>
}

interface Field59 {
  readonly entries: ReadonlyArray<Entry59>
  /** What follows the last entry that was understood; "" when nothing does. */
  readonly rest: string
}

/** Longest field 59 of the dialect, in bytes. */
const maxField59 = 600

/** `text` has one character per byte (latin1), so that GBK values pass through unchanged. */
export function readField59(text: string): Field59 {
  const entries: Array<Entry59> = []
  let at = 0
  for (let place = placeAt(text, at); place >= 0; place = placeAt(text, at)) {
    const from = place >> 10
    const end = place & 1023
    const tag = text.slice(at, at + tagLength(text, at))
    const value = text.slice(from, end)
    entries.push(tag === "A2" ? { tag, value, children: readInner(value) } : { tag, value })
    at = end
  }
  return { entries, rest: text.slice(at) }
}

/**
 * The value of a tag, of the `count`th entry that has it; undefined where there is none. Made for
 * the road: nothing but the value is made.
 */
export function valueIn59(text: string, tag: string, count = 1): string | undefined {
  let at = 0
  let left = count
  for (let place = placeAt(text, at); place >= 0; place = placeAt(text, at)) {
    const end = place & 1023
    if (tagLength(text, at) === tag.length && text.startsWith(tag, at) && --left === 0) {
      return text.slice(place >> 10, end)
    }
    at = end
  }
  return undefined
}

export function writeField59(entries: ReadonlyArray<Entry59>): string {
  return entries.map(({ tag, value }) => {
    const units = tag.startsWith("EF") ? value.length / 2 : value.length
    const digits = tag === "A2" || tag.startsWith("EF") ? 2 : 3
    return tag + String(units).padStart(digits, "0") + value
  }).join("")
}

const digit0 = 0x30
const letterA = 0x41
const letterE = 0x45
const letterF = 0x46

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at) - digit0
  return code >= 0 && code <= 9
}

function isLetter(text: string, at: number): boolean {
  const code = text.charCodeAt(at) - letterA
  return code >= 0 && code < 26
}

/** Does a tag begin here that is an EF tag or at least looks like one? */
function isHexTag(text: string, at: number): boolean {
  return text.charCodeAt(at) === letterE && text.charCodeAt(at + 1) === letterF
}

/** `EF` and two digits, or a letter and a letter or digit; 0: no tag begins here. */
function tagLength(text: string, at: number): number {
  if (isHexTag(text, at) && isDigit(text, at + 2) && isDigit(text, at + 3)) return 4
  return isLetter(text, at) && (isDigit(text, at + 1) || isLetter(text, at + 1)) ? 2 : 0
}

/** -1 where it is not a number of `width` digits. */
function numberAt(text: string, at: number, width: number): number {
  let value = 0
  for (let index = at; index < at + width; index++) {
    if (!isDigit(text, index)) return -1
    value = value * 10 + text.charCodeAt(index) - digit0
  }
  return value
}

/** Where the value of the entry that begins at `at` begins (times 1,024) and ends; -1: nowhere. */
function placeAt(text: string, at: number): number {
  if (at >= text.length || text.length > maxField59) return -1
  const tagEnd = at + tagLength(text, at)
  if (tagEnd === at) return -1
  const hex = isHexTag(text, at)
  const isNested = text.charCodeAt(at) === letterA && text[at + 1] === "2"
  // Of widths that sources differ about, the first after which the field goes on is right.
  for (let width = hex || isNested ? 2 : 3; width <= (hex ? 2 : 3); width++) {
    const units = numberAt(text, tagEnd, width)
    const from = tagEnd + width
    const end = from + (hex ? units * 2 : units)
    if (units < 0 || end > text.length || !startsEntry(text, end)) continue
    if (!isNested || innerFits(text, from, end)) return from << 10 | end
  }
  return -1
}

function startsEntry(text: string, at: number): boolean {
  return at === text.length || (isLetter(text, at) &&
    (isDigit(text, at + 1) || isLetter(text, at + 1)))
}

function innerFits(text: string, from: number, end: number): boolean {
  let at = from
  while (at < end) {
    const length = numberAt(text, at, 4) % 100
    if (length < 0 || at + 4 > end) return false
    at += 4 + length
  }
  return at === end
}

/** Two digits of tag and two of length: 01 type, 02 serial, 03 random, 04 cipher, 05 version. */
function readInner(text: string): ReadonlyArray<Entry59> {
  const entries: Array<Entry59> = []
  let at = 0
  while (at < text.length) {
    const end = at + 4 + numberAt(text, at + 2, 2)
    entries.push({ tag: text.slice(at, at + 2), value: text.slice(at + 4, end) })
    at = end
  }
  return entries
}
