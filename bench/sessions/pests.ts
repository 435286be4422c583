/**
 * Those who hold places and say nothing useful, in a process of their own: sockets that trickle a
 * byte a second, sockets that stay silent, and garbage for the TLS listener. Whoever is cut comes
 * back at once. Must hold: as many as were asked for are there all the time, or it is told.
 */

import { randomFillSync } from "node:crypto"
import { connect, type Socket } from "node:net"
import { constants, setPriority } from "node:os"

export interface PestOrder {
  readonly port: number
  readonly tlsPort: number
  readonly trickling: number
  readonly silent: number
  /** Connections a second that speak no TLS where TLS is wanted. */
  readonly garbagePerSecond: number
  readonly connectsPerSecond: number
}

export interface PestReport {
  readonly trickling: number
  readonly silent: number
  readonly garbage: number
  /** Connections that the switch has ended. */
  readonly cut: number
}

// What being a pest costs is not the switch's: it takes what is left of the processor.
setPriority(constants.priority.PRIORITY_LOW)

/** Loopback addresses they come from, beside those of the terminals. */
const sources = 16
const firstSource = 32
/** A frame that says it is 256 bytes long; its rest comes a byte a second. */
const beginning = Buffer.from("0100600000000060", "hex")
const dribble = Buffer.from("00", "hex")

const trickling = new Set<Socket>()
const silent = new Set<Socket>()
let garbage = 0
let cut = 0
let number = 0

function open(port: number): Socket {
  const localAddress = `127.0.0.${firstSource + number++ % sources}`
  const socket = connect({ host: "127.0.0.1", port, localAddress })
  socket.on("error", () => {})
  return socket
}

function keep(held: Set<Socket>, port: number, greeting: Buffer | undefined): void {
  const socket = open(port)
  held.add(socket)
  if (greeting !== undefined) socket.on("connect", () => socket.write(greeting))
  socket.on("end", () => socket.destroy())
  socket.on("close", () => {
    cut++
    held.delete(socket)
  })
  socket.resume()
}

function begin(order: PestOrder): void {
  const { connectsPerSecond, garbagePerSecond, port, tlsPort } = order
  const noise = Buffer.alloc(256)
  const everyMs = 20
  const share = (perSecond: number) => perSecond * everyMs / 1000
  let wished = 0
  let noisy = 0
  setInterval(() => {
    wished = Math.min(connectsPerSecond, wished + share(connectsPerSecond))
    for (; wished >= 1; wished--) {
      if (trickling.size < order.trickling) keep(trickling, port, beginning)
      else if (silent.size < order.silent) keep(silent, port, undefined)
    }
    noisy += share(garbagePerSecond)
    for (; noisy >= 1; noisy--) {
      const socket = open(tlsPort)
      socket.on("connect", () => socket.write(randomFillSync(noise)))
      socket.on("close", () => garbage++)
      socket.resume()
    }
  }, everyMs)
  dribbleOn(everyMs)
}

/** A byte a second from each; strangers do not beat in step. */
function dribbleOn(everyMs: number): void {
  const shares = 1000 / everyMs
  let turn = 0
  setInterval(() => {
    turn = (turn + 1) % shares
    let index = 0
    for (const socket of trickling) {
      if (index++ % shares === turn && socket.readyState === "open") socket.write(dribble)
    }
  }, everyMs)
}

process.on("message", (wish: PestOrder | { readonly report: true }) => {
  if ("port" in wish) begin(wish)
  const report: PestReport = { trickling: trickling.size, silent: silent.size, garbage, cut }
  process.send?.(report)
})
process.on("disconnect", () => process.exit(0))
