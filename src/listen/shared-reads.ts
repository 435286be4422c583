/**
 * Plain sockets that are read into one buffer, all of them. Node asks the allocator for 64 KiB at
 * every read, gives back what was not filled, and wraps the rest twice: for a message of 400 bytes
 * that is a tenth of what its way through a socket costs. What must hold: what a handler hears is
 * its own, copied before the next read; where Node has no such buffer, sockets are read as ever.
 */

import { Socket, type SocketConstructorOpts } from "node:net"
import { renewedScratch, scratchBuffer } from "../domain/scratch.ts"

/** As much as Node itself would read at once. */
const readBytes = 65_536
const shared = scratchBuffer(readBytes)

/** Chunks are cut from slabs of this size, which live as long as the last of their chunks. */
const slabBytes = 65_536
let slab = Buffer.alloc(0)
let taken = 0
renewedScratch(() => slab)

/**
 * A socket for the same connection that tells `heard` what it reads, and nobody else. The one that
 * was accepted is of no more use. It goes by the handle below the socket: sockets that a server
 * accepts cannot be told of a buffer, and those that are made from a handle can.
 */
export function readShared(
  socket: Socket,
  heard: (socket: Socket, chunk: Buffer) => void
): Socket | undefined {
  const handle: unknown = Reflect.get(socket, "_handle")
  if (typeof handle !== "object" || handle === null || !("useUserBuffer" in handle)) {
    return undefined
  }
  Reflect.set(socket, "_handle", null)
  const options: SocketConstructorOpts = {
    allowHalfOpen: true,
    onread: {
      buffer: shared,
      callback(this: Socket, bytes: number): boolean {
        heard(this, copied(bytes))
        return true
      }
    }
  }
  Reflect.set(options, "handle", handle)
  return new Socket(options)
}

/** The first bytes of the buffer, in memory of their own. */
function copied(bytes: number): Buffer {
  if (bytes > slabBytes / 4) return Buffer.from(shared.subarray(0, bytes))
  if (taken + bytes > slab.length) {
    slab = Buffer.allocUnsafeSlow(slabBytes)
    taken = 0
  }
  const chunk = slab.subarray(taken, taken + bytes)
  taken += bytes
  chunk.set(shared.subarray(0, bytes))
  return chunk
}
