/**
 * Candidates of a route whose upstreams have shares of its traffic. What must hold: a transaction's
 * order follows from its id alone, so that an explanation, a replay and the switch agree, whenever
 * they look; every order is the same set, each upstream once: the drawn one, then the others with
 * shares as they are written, then those without.
 *
 *     to: [{ a, share 70 }, { b, share 30 }, c]
 *
 *     draw  0 ───────────── 0.7 ───── 1
 *           │    a, b, c     │ b, a, c│
 *
 * Of two, the one whose share grows takes from the other and gives nothing back.
 */

import { type RouteTarget, type SharedTarget, upstreamOf } from "../domain/route-target.ts"

export interface Shares {
  /** Where each part of the draw ends; ascends to 1. */
  readonly ends: ReadonlyArray<number>
  /** The candidates of each part. */
  readonly orders: ReadonlyArray<ReadonlyArray<string>>
}

/** Undefined: nobody has a share, and the order is the one that is written. */
export function compileShares(to: ReadonlyArray<RouteTarget>): Shares | undefined {
  const shared = sharedOf(to)
  if (shared.length === 0) return undefined
  const names = to.map(upstreamOf)
  const total = shared.reduce((sum, { share }) => sum + share, 0)
  let sum = 0
  return {
    ends: shared.map(({ share }) => (sum += share) / total),
    orders: shared.map(({ upstream }) =>
      Object.freeze([upstream, ...names.filter((name) => name !== upstream)])
    )
  }
}

export function sharedOf(to: ReadonlyArray<RouteTarget>): ReadonlyArray<SharedTarget> {
  return to.filter((target) => typeof target !== "string")
}

/** The part of the draw that a transaction of this id falls into; none: the first. */
export function partOf(ends: ReadonlyArray<number>, id: string | undefined): number {
  if (ends.length === 1 || id === undefined) return 0
  const draw = drawOf(id)
  let part = 0
  while (part < ends.length - 1 && draw >= ends[part]!) part++
  return part
}

/**
 * Evenly spread from 0 to below 1: the last 32 bits of an id, which are chance (`domain/uuid.ts`).
 * A trace number would not do: terminals count theirs by habits of their own.
 */
function drawOf(id: string): number {
  let bits = 0
  for (let at = id.length - 8; at < id.length; at++) {
    const code = id.charCodeAt(at)
    bits = bits << 4 | (code & 15) + (code >> 6) * 9 & 15
  }
  return (bits >>> 0) / 2 ** 32
}
