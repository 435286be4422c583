/**
 * The end of a process that held card data: what it let go of is overwritten before it goes, for a
 * dump of it that is taken when it has drained (I6). What must hold: nothing here is done
 * while anything is on the road, but for two settings that are made before; the wipe itself is the
 * last thing that the process does, when all has been closed and let go of, and takes below two
 * seconds. The allocator meant here is glibc's; under another one nothing is wiped beyond what the
 * collector itself clears.
 */

import { readFileSync } from "node:fs"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { wipeScratch } from "../domain/scratch.ts"

/**
 * Before the doors open. Threads of the collector keep some of what they free for themselves, where
 * nothing overwrites it, so this thread frees by itself what messages stood in; and what lives as
 * long as the process shares no slab of Node's buffer pool with messages.
 */
export function wipeAtEnd(): void {
  setFlagsFromString("--no-concurrent-array-buffer-sweeping")
  leaveSlab()
  process.once("beforeExit", () => {
    // What a collection finds dead may have to be told so, in a turn of the loop, and frees more.
    collect()
    setImmediate(() => {})
  })
  process.once("exit", wipe)
}

/** Everything that is no longer reachable, in the collector's heap and in the allocator's. */
function wipe(): void {
  // The last subject of a regular expression is kept for `RegExp.lastMatch`.
  const forgotten = /^.$/
  forgotten.test("-")
  const slab = leaveSlab()
  setFlagsFromString("--clear-free-memory")
  setFlagsFromString("--no-concurrent-sweeping")
  wipeScratch()
  // Twice each: one collection ends what another one found, and what it frees is overwritten last.
  for (let round = 0; round < 2; round++) {
    collect()
    collect()
    overwriteFreed()
  }
  // Cut from what was freed before, and in use since.
  new Uint8Array(slab).fill(0)
}

function collect(): void {
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as (how: { type: "major"; flavor: "last-resort" }) => void
  gc({ type: "major", flavor: "last-resort" })
}

/** Takes what is left of the slab that small buffers are cut from; the next one, a new one. */
function leaveSlab(): ArrayBufferLike {
  const most = (Buffer.poolSize >>> 1) - 1
  const { buffer: old } = Buffer.allocUnsafe(most)
  let { buffer } = Buffer.allocUnsafe(most)
  for (let turn = 0; turn < 4 && buffer === old; turn++) buffer = Buffer.allocUnsafe(most).buffer
  return buffer
}

/** Sizes of chunks that the allocator keeps apart for the thread that freed them. */
const apart = { from: 24, to: 1032, step: 16, count: 8 }

/** Sizes that are asked for, the largest first: each takes what the ones before could not. */
const sizes = Array.from({ length: 12 }, (_, index) => 65_536 >>> index)

/** The allocator's own words ahead of each chunk. */
const headBytes = 8
const partBytes = 1024 * 1024

/**
 * Asks the allocator for memory, size by size, until what it gives is no longer taken from what was
 * freed: its heap grows by nearly all that is asked for. No more can have been freed than there is.
 */
function overwriteFreed(): void {
  const held: Array<Uint8Array | ArrayBuffer> = []
  for (let size = apart.from; size <= apart.to; size += apart.step) {
    for (let count = 0; count < apart.count; count++) held.push(zeros(size))
  }
  let left = process.memoryUsage.rss()
  for (const size of sizes) {
    let end = heapEnd()
    for (; left > 0; left -= partBytes) {
      for (let bytes = 0; bytes < partBytes; bytes += size) held.push(zeros(size - headBytes))
      const grown = heapEnd() - end
      if (!(grown <= 0.8 * partBytes)) break
      end += grown
    }
  }
}

/** From the allocator, whose chunks a small buffer would not come from. */
function zeros(size: number): Uint8Array | ArrayBuffer {
  return size <= 64 ? new ArrayBuffer(size) : Buffer.allocUnsafeSlow(size).fill(0)
}

/** Where the allocator's heap ends; not a number where that cannot be known. */
function heapEnd(): number {
  try {
    const maps = readFileSync("/proc/self/maps", "latin1")
    return Number.parseInt(/-(\w+) .*\[heap\]/.exec(maps)?.[1] ?? "", 16)
  } catch {
    return Number.NaN
  }
}
