/**
 * What a simulated terminal knows of its pushes: which it has heard, and which the switch knows it
 * has heard. What must hold: a push counts once, however often it comes.
 */

export class PushEar {
  /** The highest number that came. */
  heard = 0
  #told = 0
  #telling = 0

  /** The switch has not been told of all. */
  get owes(): boolean {
    return this.heard > this.#told
  }

  /** Is it new? Undefined for 0, which is none. */
  hear(sequence: number): boolean | undefined {
    if (sequence === 0) return undefined
    const isNew = sequence > this.heard
    if (isNew) this.heard = sequence
    return isNew
  }

  /** A message leaves that says what was heard. */
  tell(): void {
    this.#telling = this.heard
  }

  /** It was answered: everything up to what it said is off the switch's list. */
  wasTold(): void {
    this.#told = this.#telling
  }
}
