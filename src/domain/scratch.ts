/**
 * Memory that a module works in again and again for as long as the process lives, and that may hold
 * a message in clear between two uses. What must hold: all of it is known here, and can be wiped
 * where nobody is at work: in a thread between its batches, in a process at its end (I6).
 */

const all: Array<() => Uint8Array> = []

/** Zeros, outside Node's buffer pool. */
export function scratchBuffer(bytes: number): Buffer {
  const made = Buffer.alloc(bytes)
  all.push(() => made)
  return made
}

/** The same for memory that is left for new memory now and then: `current` is what is in use. */
export function renewedScratch(current: () => Uint8Array): void {
  all.push(current)
}

export function wipeScratch(): void {
  for (const each of all) each().fill(0)
}
