/**
 * BIN prefixes and ranges as intervals of one number line, cut so that one binary search finds all
 * that cover a card. What must hold: in every segment the more specific (longer) prefix stands
 * first, and among equals the one that was listed first.
 *
 * Every prefix is widened to 12 digits:
 *
 *     62            620000000000 ─────────────────────────────────── 629999999999
 *     622202                      622202000000 ── 622202999999
 *     4000-4999     400000000000 ── 499999999999
 *
 *     starts:  0 | 62.. | 622202.. | 622203.. | 63..      (one segment between two cuts)
 *     members: [] | [62] | [622202, 62] | [62] | []
 */

/** Prefixes are at most this long; card numbers and pay codes are never shorter. */
const binDigits = 12

interface BinRange {
  /** First and last card covered, in 12 digits. */
  readonly low: number
  readonly high: number
  /** Digits that were written: more is more specific. */
  readonly length: number
}

/** `62`, `622202` or `4000-4999`; otherwise what is wrong with it, in words. */
export function parseBin(text: string): BinRange | string {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text)
  if (match === null) return "expected digits, or two groups of as many digits joined by a hyphen"
  const [, first = "", last = first] = match
  if (first.length !== last.length) return "both ends of a range have the same number of digits"
  if (first.length > binDigits) return `a prefix has at most ${binDigits} digits`
  if (last < first) return "a range does not end before it begins"
  return {
    low: Number(first.padEnd(binDigits, "0")),
    high: Number(last.padEnd(binDigits, "9")),
    length: first.length
  }
}

/** The card range everything is in: what a route without `bins` covers. */
export const anyCard: BinRange = { low: 0, high: 10 ** binDigits - 1, length: 0 }

/** The first 12 of at least as many digits as a number, or -1: no card and no code. */
export function binOf(digits: string | undefined): number {
  if (digits === undefined || digits.length < binDigits) return -1
  let value = 0
  for (let index = 0; index < binDigits; index++) {
    const digit = digits.charCodeAt(index) - 48
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

export interface BinEntry<A> {
  readonly range: BinRange
  readonly value: A
}

export interface BinTable<A> {
  /** All that cover the card, most specific first. -1 gives what covers any card. */
  readonly find: (bin: number) => ReadonlyArray<BinEntry<A>>
  /** The same for every card with these first digits, each answer once; slower. */
  readonly within: (digits: string) => ReadonlyArray<ReadonlyArray<BinEntry<A>>>
  readonly segments: ReadonlyArray<ReadonlyArray<BinEntry<A>>>
}

/**
 * Entries in the order in which they were listed; cost grows with their number and their nesting.
 */
export function makeBinTable<A>(entries: ReadonlyArray<BinEntry<A>>): BinTable<A> {
  const cuts = new Set<number>([0])
  for (const { range } of entries) {
    cuts.add(range.low)
    cuts.add(range.high + 1)
  }
  const starts = Float64Array.from(cuts).toSorted()
  // Both sorts keep the listed order among equals.
  const coming = entries.toSorted((left, right) => left.range.low - right.range.low)
  const rank = new Map(entries.map((entry, index) => [entry, index]))
  let next = 0
  let covering: Array<BinEntry<A>> = []
  const segments = Array.from(starts, (start) => {
    covering = covering.filter(({ range }) => range.high >= start)
    while (next < coming.length && coming[next]!.range.low === start) {
      covering.push(coming[next]!)
      next++
    }
    return covering.toSorted((left, right) =>
      right.range.length - left.range.length || rank.get(left)! - rank.get(right)!
    )
  })
  const everywhere = entries.filter(({ range }) => range.length === 0)
  return {
    segments,
    find: (bin) => bin < 0 ? everywhere : segments[segmentOf(starts, bin)]!,
    within: (digits) => {
      const first = digits.slice(0, binDigits)
      const low = segmentOf(starts, Number(first.padEnd(binDigits, "0")))
      return segments.slice(low, segmentOf(starts, Number(first.padEnd(binDigits, "9"))) + 1)
    }
  }
}

/** Index of the last start that is not above `bin`. */
function segmentOf(starts: Float64Array, bin: number): number {
  let low = 0
  let high = starts.length
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (starts[middle]! <= bin) low = middle
    else high = middle
  }
  return low
}
