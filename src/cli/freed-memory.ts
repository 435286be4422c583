/**
 * Overwrites what this thread's share of the allocator has free. What must hold: nothing is written
 * but what the allocator gave for it. The allocator is glibc's.
 */

import { readFileSync } from "node:fs"
import { threadId } from "node:worker_threads"

/** Sizes of chunks that the allocator keeps apart for the thread that freed them. */
const apart = { from: 32, to: 1040, step: 16, count: 8 }

/** Sizes that are asked for, the largest first: each takes what the ones before could not. */
const sizes = Array.from({ length: 12 }, (_, index) => 65_536 >>> index)

/** The allocator's own words ahead of each chunk. */
const headBytes = 8
/** So much is asked for at a time, of the smallest chunks less: there each takes its time. */
const partBytes = (size: number) => size <= 128 ? 256 * 1024 : 1024 * 1024
/** A share of another thread is of this size at most, and begins at a multiple of it. */
const threadHeapBytes = 64 * 1024 * 1024

/**
 * Asks the allocator for memory, size by size, until what it gives is no longer taken from what was
 * freed: its heap grows by nearly all that is asked for. No more can have been freed than there is.
 */
export function overwriteFreed(): void {
  takeApart()
  let left = process.memoryUsage.rss()
  for (const size of sizes) {
    const part = partBytes(size)
    let before = heapBytes()
    for (; left > 0; left -= part) {
      take(size, part / size)
      const grown = heapBytes() - before
      if (!(grown <= 0.8 * part)) break
      before += grown
    }
  }
  // What the collector freed meanwhile is kept apart again.
  takeApart()
  delete process.env[variable]
}

function takeApart(): void {
  for (let size = apart.from; size <= apart.to; size += apart.step) take(size, apart.count)
}

/** One character, so that the smallest chunk has room for a number too. */
const variable = "W"
/** Of 13 digits each, and of each thread its own: a value that was there before takes nothing. */
const numbers = { first: 1_000_000_000_000 + threadId * 1_000_000_000, digits: 13 }
let taken = 0

/**
 * Takes chunks for good and fills them to their last byte: as values of an environment variable,
 * which the C library never lets go of. A buffer would come with objects of C++ around it, which
 * leave a part of what they take over as it was, and that is what stayed behind.
 */
function take(size: number, count: number): void {
  // The name, an equals sign and a zero byte stand in the chunk too.
  const length = size - headBytes - variable.length - 2
  const filling = "0".repeat(length - numbers.digits)
  for (let each = 0; each < count; each++) {
    process.env[variable] = `${numbers.first + ++taken}${filling}`
  }
}

/**
 * What the allocator's heaps have together: that of the first thread, and those of the others, each
 * of which begins where its size says. Not a number where that cannot be known.
 */
function heapBytes(): number {
  try {
    let bytes = 0
    for (const line of readFileSync("/proc/self/maps", "latin1").split("\n")) {
      const [, start = "", end = "", name] = /^(\w+)-(\w+) rw-p \S+ \S+ 0 *(.*)$/.exec(line) ?? []
      const isShare = name === "" && Number(`0x${start}`) % threadHeapBytes === 0
      if (name === "[heap]" || isShare) bytes += Number(`0x${end}`) - Number(`0x${start}`)
    }
    return bytes > 0 ? bytes : Number.NaN
  } catch {
    return Number.NaN
  }
}
