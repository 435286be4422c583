/**
 * Chance that comes from one seed: xoshiro128** (Blackman and Vigna, public domain reference),
 * seeded by SplitMix. What must hold: equal seeds give equal numbers, for ever; a stream that is
 * split off by name does not move the others, so that adding an actor changes no other actor's
 * luck.
 */

import type { RandomShape } from "../../domain/ports/time.ts"

export class Chance implements RandomShape {
  readonly #state: Uint32Array

  constructor(seed: number, name = "") {
    this.#state = new Uint32Array(4)
    let mixed = (seed ^ hash(name)) >>> 0
    for (let index = 0; index < 4; index++) {
      mixed = (mixed + 0x9e3779b9) >>> 0
      let word = mixed
      word = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
      word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35)
      this.#state[index] = (word ^ (word >>> 16)) >>> 0
    }
    for (let index = 0; index < 8; index++) this.word()
  }

  /** 32 random bits. */
  word(): number {
    const state = this.#state
    const [a, b, c, d] = state as unknown as [number, number, number, number]
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    const third = c ^ a
    const fourth = d ^ b
    state[1] = b ^ third
    state[0] = a ^ fourth
    state[2] = third ^ shifted
    state[3] = rotate(fourth, 11)
    return result
  }

  /** In [0, 1). */
  next(): number {
    return this.word() / 0x1_0000_0000
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length)
    for (let index = 0; index < length; index++) bytes[index] = this.word() & 255
    return bytes
  }

  /** A whole number in [low, high]. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  /** True with this probability. */
  happens(probability: number): boolean {
    return probability > 0 && this.next() < probability
  }

  pick<Item>(items: ReadonlyArray<Item>): Item {
    return items[Math.floor(this.next() * items.length)]!
  }

  /** Exponentially distributed with this mean: the pauses of independent arrivals. */
  pauseMs(meanMs: number): number {
    return -Math.log(1 - this.next()) * meanMs
  }
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0
  }
  return value
}
