/**
 * Terminals of the sessions bench, in a process of its own: connects the terminals of a range,
 * signs each on, and keeps it connected. `{ from, to, port }` connects; `{ drop: true }` ends them.
 */

import { connect, type Socket } from "node:net"
import { cupDialect, cupFraming, signOnFrame } from "./estate.ts"

export interface Connected {
  readonly signedOn: number
  readonly failed: number
  readonly ms: number
}

interface Wish {
  readonly from?: number
  readonly to?: number
  readonly port?: number
  readonly drop?: true
}

/** Connects under way at once: a storm is as many as the kernel lets wait. */
const atOnce = 2000

const dialect = cupDialect()
const framing = cupFraming()
const sockets = new Set<Socket>()

function signOn(index: number, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const localAddress = `127.0.0.${2 + index % 4}`
    const socket = connect({ host: "127.0.0.1", port, localAddress, noDelay: true })
    const deframer = framing.deframer(4096)
    socket.on("error", () => resolve(false))
    socket.on("close", () => {
      sockets.delete(socket)
      resolve(false)
    })
    socket.on("connect", () => {
      sockets.add(socket)
      socket.write(signOnFrame(dialect, framing, index))
    })
    socket.on("data", (chunk: Buffer) => {
      deframer.push(chunk, {
        onKeepAlive: () => {},
        onFrame: (_, body) => {
          const answer = dialect.read(body)
          resolve("mti" in answer && answer.role("response") === "00" && answer.has(62))
        }
      })
    })
  })
}

async function connectAll(from: number, to: number, port: number): Promise<Connected> {
  const began = performance.now()
  let next = from
  let signedOn = 0
  const lane = async () => {
    while (next < to) {
      const right = await signOn(next++, port)
      if (right) signedOn++
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return { signedOn, failed: to - from - signedOn, ms: performance.now() - began }
}

async function dropAll(): Promise<Connected> {
  const ending = [...sockets].map((socket) =>
    new Promise((resolve) => {
      socket.once("close", resolve)
      socket.resetAndDestroy()
    })
  )
  await Promise.all(ending)
  return { signedOn: 0, failed: 0, ms: 0 }
}

process.on("message", (wish: Wish) => {
  const done = wish.drop === true
    ? dropAll()
    : connectAll(wish.from ?? 0, wish.to ?? 0, wish.port ?? 0)
  void done.then((connected) => process.send?.(connected))
})
