/**
 * A fixed piece of work that tells whether the core is ours. A virtual machine's core shares its
 * execution units with whoever has its sibling, which no clock, load average or processor time
 * shows: the same code then takes up to twice as long, for stretches of milliseconds to seconds.
 * The work keeps those units busy (eight additions that do not wait for each other), so it slows
 * as they are taken away. Must hold: work is measured between two yardsticks, and counts only where
 * both took no longer than they do undisturbed.
 */

const bytes = Uint8Array.from({ length: 512 }, (_, index) => index * 7)
const turns = 1200
/** How much longer than the shortest yardstick of this process an undisturbed one may be. */
const tolerance = 1.15

let shortest = Infinity
let sink = 0

/** Milliseconds that the fixed work takes now. */
function yardstick(): number {
  const start = performance.now()
  for (let turn = 0; turn < turns; turn++) {
    let [a, b, c, d, e, f, g, h] = [0, 0, 0, 0, 0, 0, 0, 0]
    for (let at = 0; at < bytes.length; at += 8) {
      a = a + bytes[at]! | 0
      b = b ^ bytes[at + 1]!
      c = c + bytes[at + 2]! | 0
      d = d ^ bytes[at + 3]!
      e = e + bytes[at + 4]! | 0
      f = f ^ bytes[at + 5]!
      g = g + bytes[at + 6]! | 0
      h = h ^ bytes[at + 7]!
    }
    sink = sink + a + b + c + d + e + f + g + h | 0
  }
  const took = performance.now() - start
  shortest = Math.min(shortest, took)
  return took
}

/** Lets the engine compile the yardstick, and finds out how short it can be. */
export function calibrate(forMs: number): void {
  const end = performance.now() + forMs
  for (let count = 0; count < 200; count++) yardstick()
  shortest = Infinity
  while (performance.now() < end) yardstick()
}

interface Rounds<A> {
  /** What the undisturbed rounds measured; all of them where too few were undisturbed. */
  readonly counted: ReadonlyArray<A>
  /** Share of the rounds that were undisturbed. */
  readonly undisturbed: number
}

/** Fewer undisturbed rounds than these say nothing; then all count. */
const fewest = 10

/** Measures until `wanted` rounds were undisturbed, or `boundMs` have passed. */
export function undisturbed<A>(wanted: number, boundMs: number, measure: () => A): Rounds<A> {
  const end = performance.now() + boundMs
  const all: Array<readonly [A, number]> = []
  const quiet = () => all.filter(([, longest]) => longest <= shortest * tolerance)
  let before = yardstick()
  let count = 0
  while (count < wanted && performance.now() < end) {
    const measured = measure()
    const after = yardstick()
    const longest = Math.max(before, after)
    all.push([measured, longest])
    if (longest <= shortest * tolerance) count++
    before = after
  }
  const kept = quiet()
  const counted = (kept.length < fewest ? all : kept).map(([measured]) => measured)
  return { counted, undisturbed: kept.length / all.length }
}
