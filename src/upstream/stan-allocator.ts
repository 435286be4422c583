/**
 * The numbers that the switch stamps on what it sends: its own STAN for every upstream, and its own
 * RRN for the whole node. What must hold: no STAN is given while somebody still waits for an answer
 * under it, however often the numbers wrap; no RRN is ever given twice.
 */

import type { Rrn, Stan } from "../domain/brand.ts"
import { invariant } from "../domain/invariant.ts"

/** STANs run from 1 to this; 000000 is no STAN. */
export const highestStan = 999_999

const dayMs = 86_400_000

/**
 * Where a process begins to count that finds no number of an earlier one in its journal: as far
 * into the numbers as the (UTC) day has run. One that does goes on behind it (`continueAfter`),
 * because above 11 numbers a second the day runs slower than they do.
 */
export function firstStan(wallMs: number): number {
  const intoDay = ((wallMs % dayMs) + dayMs) % dayMs
  return 1 + Math.floor(intoDay * highestStan / dayMs)
}

/** Six digits, as field 11 wants them. */
export function formatStan(number: number): Stan {
  return String(number).padStart(6, "0") as Stan
}

/** The number in six digits, or 0 when they are none. */
export function parseStan(text: string | undefined): number {
  if (text === undefined || text.length > 12) return 0
  let value = 0
  for (let index = 0; index < text.length; index++) {
    const digit = text.charCodeAt(index) - 48
    if (digit < 0 || digit > 9) return 0
    value = value * 10 + digit
  }
  return value <= highestStan ? value : 0
}

/**
 * Left out behind the last number that the journal knows: what was given since then and stands in
 * no record that the journal still has, such as an echo or an advice that was taken.
 */
const restartGap = 1_000

const fresh = 0
const taken = 1
const given = 2

/** Numbers of a page; a page is made when the first of them is given. */
const pageNumbers = 4096

/** One byte of state a number: at most 1 MB an upstream, page by page as the numbers are used. */
export class StanAllocator {
  readonly #pages: Array<Uint8Array | undefined> = []
  #next: number
  #taken = 0

  constructor(first: number) {
    invariant(first >= 1 && first <= highestStan, "STANs begin between 1 and 999999")
    this.#next = first
  }

  get taken(): number {
    return this.#taken
  }

  /** The next free number, which is in use from now on; 0 when all are in use. */
  take(): number {
    if (this.#taken === highestStan) return 0
    let number = this.#next
    while (this.#state(number) === taken) number = number === highestStan ? 1 : number + 1
    this.#next = number === highestStan ? 1 : number + 1
    this.#set(number, taken)
    this.#taken++
    return number
  }

  /** Marks a number that an earlier process gave to something that goes on. Harmless if taken. */
  claim(number: number): void {
    invariant(number >= 1 && number <= highestStan, "a STAN lies between 1 and 999999")
    if (this.#state(number) === taken) return
    this.#set(number, taken)
    this.#taken++
  }

  /** Goes on behind what an earlier process gave last; 0, which is no number, changes nothing. */
  continueAfter(number: number): void {
    if (number !== 0) this.#next = (number + restartGap) % highestStan + 1
  }

  free(number: number): void {
    invariant(this.#state(number) === taken, "a STAN is freed once, by whoever took it")
    this.#set(number, given)
    this.#taken--
  }

  isTaken(number: number): boolean {
    return this.#state(number) === taken
  }

  #state(number: number): number {
    return this.#pages[Math.floor(number / pageNumbers)]?.[number % pageNumbers] ?? fresh
  }

  #set(number: number, state: number): void {
    const page = this.#pages[Math.floor(number / pageNumbers)] ??= new Uint8Array(pageNumbers)
    page[number % pageNumbers] = state
  }

  /** Did this process ever give the number away? Then an answer under it is no stranger's. */
  wasGiven(number: number): boolean {
    return this.#state(number) !== fresh
  }
}

const perMs = 36 * 36

function base36(number: number, width: number): string {
  return number.toString(36).toUpperCase().padStart(width, "0")
}

/** The last two characters of every number. */
const endings: ReadonlyArray<string> = Array.from(
  { length: perMs },
  (_, number) => base36(number, 2)
)

/**
 * Retrieval reference numbers, 12 characters of 0-9 and A-Z (field 37 is an12):
 *
 *     N N T T T T T T T T T T
 *     node counter in base 36, begun at the wall time in units of 1/1296 ms
 *
 * A restart begins above everything given before as long as fewer than 1,296 are taken a
 * millisecond, so a number is never given twice (until 2059), unless the wall clock is set back
 * across a restart. One of these serves all upstreams of a node: an RRN is then unique among them,
 * which lets a follow-on find its original by RRN alone.
 */
export class RrnAllocator {
  readonly #node: string
  /** The counter in whole ms, the same in characters behind the node, and what is over. */
  #ms: number
  #head: string
  #over = 0

  constructor(node: string, wallMs: number) {
    invariant(Number.isSafeInteger(wallMs * perMs), "an RRN counter stays a safe integer")
    this.#node = nodeMark(node)
    this.#ms = wallMs
    this.#head = this.#node + base36(wallMs, 8)
  }

  take(): Rrn {
    if (++this.#over === perMs) {
      this.#over = 0
      this.#head = this.#node + base36(++this.#ms, 8)
    }
    return (this.#head + endings[this.#over]!) as Rrn
  }
}

/**
 * Two characters for a node's name. A name of one or two letters or digits is its own mark, so that
 * two such nodes never collide; a longer one is hashed (FNV-1a) into one of 1,296.
 */
export function nodeMark(node: string): string {
  if (/^[0-9A-Za-z]{1,2}$/.test(node)) return node.toUpperCase().padStart(2, "0")
  let hash = 0x811c9dc5
  for (let index = 0; index < node.length; index++) {
    hash = Math.imul(hash ^ node.charCodeAt(index), 0x01000193) >>> 0
  }
  return endings[hash % perMs]!
}
