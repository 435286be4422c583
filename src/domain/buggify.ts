/**
 * Rare branches that code offers to the seeded world: `buggify("name", 0.01)` is true now and then
 * there, and a constant false everywhere else. Use it where the real machine may do something odd
 * and seldom does: a short queue, an early flush, a lost race.
 */

type Chooser = (name: string, probability: number) => boolean

const never: Chooser = () => false

let choose: Chooser = never

export function buggify(name: string, probability: number): boolean {
  return choose !== never && choose(name, probability)
}

/** For the seeded world alone; `undefined` makes it the constant again. */
export function chooseRareBranches(chooser: Chooser | undefined): void {
  choose = chooser ?? never
}
