/**
 * Recorded transactions decided again, before a configuration comes into force. What must hold: one
 * counts as decided only when every card, and every group, that its record may stand for goes the
 * same way; its order among shares is the one that its id draws; memory grows with the routes, not
 * with the transactions.
 */

import type { RouteDecision, RouteFacts } from "../domain/ports/router.ts"
import type { RouteTable } from "./route-table.ts"

/** A route and the upstream that it begins at, or that took the transaction. */
interface Place {
  readonly route: string | undefined
  readonly upstream: string | undefined
}

export interface RecordedRouting {
  readonly id: string
  readonly facts: Omit<RouteFacts, "digits" | "group">
  /** The first digits of the card that are known; undefined: there was no card and no code. */
  readonly known: string | undefined
  /** Undefined: the registry does not have the terminal. */
  readonly group: string | undefined
  readonly was: Place
}

interface Move {
  readonly from: Place
  readonly to: Place
  count: number
  /** Ids of the first of them. */
  readonly examples: Array<string>
}

export interface Replayed {
  readonly same: number
  readonly elsewhere: number
  /** Of those elsewhere: the same route, whose later candidate had taken it. */
  readonly laterCandidate: number
  /** A rule needs more digits than the record has, or the group of a terminal that is unknown. */
  readonly undecided: { readonly digits: number; readonly terminal: number }
  /** Most frequent first. */
  readonly moves: ReadonlyArray<Readonly<Move>>
}

const maxExamples = 3

export class Replay {
  readonly #table: RouteTable
  readonly #before: RouteTable | undefined
  readonly #moves = new Map<string, Move>()
  readonly #undecided = { digits: 0, terminal: 0 }
  #same = 0
  #laterCandidate = 0

  /** `before`: decides what was, in the place of what is recorded. */
  constructor(table: RouteTable, before?: RouteTable) {
    this.#table = table
    this.#before = before
  }

  take(recorded: RecordedRouting): void {
    const to = this.#decided(this.#table, recorded)
    if (to === undefined) return
    const before = this.#before === undefined ? to : this.#decided(this.#before, recorded)
    if (before === undefined) return
    const from = this.#before === undefined ? recorded.was : placeOf(before)
    const place = placeOf(to)
    // Refused before any upstream took it: then only the route is known.
    const held = from.upstream === undefined || from.upstream === place.upstream
    if (from.route === place.route && held) {
      this.#same++
      return
    }
    const upstream = from.upstream ?? ""
    if (from.route === place.route && to.candidates.includes(upstream)) this.#laterCandidate++
    const key = JSON.stringify([from.route, from.upstream, place.route, place.upstream])
    const move = this.#moves.get(key) ?? { from, to: place, count: 0, examples: [] }
    this.#moves.set(key, move)
    move.count++
    if (move.examples.length < maxExamples) move.examples.push(recorded.id)
  }

  result(): Replayed {
    const moves = [...this.#moves.values()].sort((left, right) => right.count - left.count)
    return {
      same: this.#same,
      elsewhere: moves.reduce((sum, { count }) => sum + count, 0),
      laterCandidate: this.#laterCandidate,
      undecided: { ...this.#undecided },
      moves
    }
  }

  /** Undefined, and counted: it could go more than one way. */
  #decided(
    table: RouteTable,
    { facts, group, known }: RecordedRouting
  ): RouteDecision | undefined {
    const groups = group === undefined ? [...table.groups, ""] : [group]
    const ways = groups.map((each) => table.possible({ ...facts, group: each }, known))
    const [first, ...others] = ways.flat()
    if (others.every((each) => isSame(each, first!))) return first
    const byCard = ways.some(([one, ...rest]) => rest.some((each) => !isSame(each, one!)))
    this.#undecided[byCard ? "digits" : "terminal"]++
    return undefined
  }
}

function placeOf({ candidates, route }: RouteDecision): Place {
  return { route, upstream: candidates[0] }
}

function isSame(left: RouteDecision, right: RouteDecision): boolean {
  return left.route === right.route && left.candidates[0] === right.candidates[0]
}
