/**
 * The end of a process that held card data: what it let go of is overwritten before it goes, for a
 * dump of it that is taken when it has drained (I6). What must hold: nothing here is done
 * while anything is on the road, but for two settings that are made before; the wipe itself is the
 * last thing that the process does, when all has been closed and let go of, and takes a second or
 * two. The allocator meant here is glibc's; under another one nothing is wiped beyond what the
 * collector itself clears.
 */

import { Packr } from "msgpackr"
import { Session } from "node:inspector"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { SHARE_ENV, Worker } from "node:worker_threads"
import { wipeScratch } from "../domain/scratch.ts"
import { overwriteFreed } from "./freed-memory.ts"

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
  leavePackers()
  // Twice each: one collection ends what another one found, and what it frees is overwritten last.
  for (let round = 0; round < 2; round++) {
    collect()
    collect()
    overwriteFreed()
  }
  wipeInThreads()
  // Some were cut from what was freed before, and all may have been in use since.
  wipeBuffers(slab.byteLength)
}

function collect(): void {
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as (how: { type: "major"; flavor: "last-resort" }) => void
  gc({ type: "major", flavor: "last-resort" })
}

/**
 * All packers write into one piece of memory, now and then a new one, which takes over unwiped what
 * was freed before and lives as long as the process. It is left for one of zeros, and freed.
 */
function leavePackers(): void {
  new Packr().useBuffer(Buffer.alloc(8192))
}

/** Takes what is left of the slab that small buffers are cut from; the next one, a new one. */
function leaveSlab(): ArrayBufferLike {
  const most = (Buffer.poolSize >>> 1) - 1
  const { buffer: old } = Buffer.allocUnsafe(most)
  let { buffer } = Buffer.allocUnsafe(most)
  for (let turn = 0; turn < 4 && buffer === old; turn++) buffer = Buffer.allocUnsafe(most).buffer
  return buffer
}

/**
 * Every slab of Node's pool that is still there: whatever small buffer lives as long as the process
 * keeps a whole one, with the messages that stood beside it. Only the inspector knows them all.
 */
function wipeBuffers(bytes: number): void {
  const session = new Session()
  session.connect()
  session.post("Runtime.evaluate", { expression: "ArrayBuffer.prototype" }, (_, found) => {
    const prototypeObjectId = found.result.objectId
    if (prototypeObjectId === undefined) return
    session.post("Runtime.queryObjects", { prototypeObjectId }, (_none, { objects }) => {
      const functionDeclaration = wipeThose.toString()
      const { objectId } = objects
      if (objectId === undefined) return
      const call = { objectId, functionDeclaration, arguments: [{ value: bytes }] }
      session.post("Runtime.callFunctionOn", call)
    })
  })
  session.disconnect()
}

function wipeThose(this: ReadonlyArray<ArrayBuffer>, bytes: number): void {
  for (const each of this) if (each.byteLength === bytes) new Uint8Array(each).fill(0)
}

/** Threads that are gone left their shares of the allocator; those that come next get these. */
const threads = 3
const mostMs = 1500

function wipeInThreads(): void {
  const done = new Int32Array(new SharedArrayBuffer(4))
  const script = new URL("./wiping-thread.ts", import.meta.url)
  const start = () => new Worker(script, { env: SHARE_ENV, workerData: done })
  // All at once, so that no two get the same share.
  const started = Array.from({ length: threads }, start)
  for (let ended = 0; ended < started.length; ended++) Atomics.wait(done, 0, ended, mostMs)
}
