/**
 * Terminals of the sessions bench, in a process of its own: connects the terminals of a range,
 * signs each on, and keeps it connected. `{ from, to, port, tls }` connects; `{ drop: true }` ends
 * them all. Over TLS each verifies the switch's certificate, and resumes its own last session.
 */

import { readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls"
import { cupDialect, cupFraming, signOnFrame } from "./estate.ts"

export interface Connected {
  readonly signedOn: number
  readonly failed: number
  /** Over TLS: with the session of the connection before. */
  readonly resumed: number
  readonly ms: number
}

interface Wish {
  readonly from?: number
  readonly to?: number
  readonly port?: number
  readonly tls?: boolean
  readonly drop?: true
}

/** Connects under way at once: a storm is as many as the kernel lets wait. */
const atOnce = 2000

const dialect = cupDialect()
const framing = cupFraming()
const sockets = new Set<Socket>()

const secureContext = createSecureContext({
  ca: readFileSync(join(import.meta.dirname, "../../config/test-authority.pem"))
})
/** By terminal. */
const sessions = new Map<number, Buffer>()
let resumed = 0

function opened(index: number, port: number, tls: boolean, ready: () => void): Socket {
  const localAddress = `127.0.0.${2 + index % 4}`
  const plain = connect({ host: "127.0.0.1", port, localAddress, noDelay: true })
  if (!tls) return plain.on("connect", ready)
  const session = sessions.get(index)
  const socket = connectTls({
    socket: plain,
    servername: "localhost",
    secureContext,
    ...(session === undefined ? {} : { session })
  }, () => {
    if (socket.isSessionReused()) resumed++
    ready()
  })
  socket.on("session", (made: Buffer) => void sessions.set(index, made))
  plain.on("error", () => socket.destroy())
  return socket
}

function signOn(index: number, port: number, tls: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = opened(index, port, tls, () => {
      sockets.add(socket)
      socket.write(signOnFrame(dialect, framing, index))
    })
    const deframer = framing.deframer(4096)
    socket.on("error", () => resolve(false))
    socket.on("close", () => {
      sockets.delete(socket)
      resolve(false)
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

async function connectAll({ from = 0, port = 0, tls = false, to = 0 }: Wish): Promise<Connected> {
  const began = performance.now()
  let next = from
  let signedOn = 0
  resumed = 0
  const lane = async () => {
    while (next < to) {
      const right = await signOn(next++, port, tls)
      if (right) signedOn++
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return { signedOn, failed: to - from - signedOn, resumed, ms: performance.now() - began }
}

async function dropAll(): Promise<Connected> {
  const ending = [...sockets].map((socket) =>
    new Promise((resolve) => {
      socket.once("close", resolve)
      // TLS has no reset of its own.
      if (socket instanceof TLSSocket) socket.destroy()
      else socket.resetAndDestroy()
    })
  )
  await Promise.all(ending)
  return { signedOn: 0, failed: 0, resumed: 0, ms: 0 }
}

process.on("message", (wish: Wish) => {
  const done = wish.drop === true ? dropAll() : connectAll(wish)
  void done.then((connected) => process.send?.(connected))
})
