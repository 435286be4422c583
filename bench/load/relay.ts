/**
 * The bare relay: what this machine can do with `node:net`, framing and correlation and nothing
 * else. Every figure of the switch is printed beside it.
 *
 * node bench/load/relay.ts <listen port> <upstream port> [links]
 *
 * A frame from a terminal leaves upstream with a number of ours where its STAN stood; the answer
 * finds its terminal by that number and gets its STAN back. What goes to one socket in a turn of
 * the event loop leaves in one write, on both legs. Must hold: no parsing beyond the STAN, no
 * state beyond the table, at most 120 lines.
 */

import { connect, createServer } from "node:net"
import type { Socket } from "node:net"
import { FrameSplitter, stanOffset } from "./wire.ts"

/** Numbers in flight at once; a number is reused after this many requests. */
const tableSize = 1 << 16

/** Collects what one socket is given in a turn and writes it once. */
class Outlet {
  readonly socket: Socket
  #waiting: Array<Uint8Array> = []

  constructor(socket: Socket) {
    this.socket = socket
  }

  send(frame: Uint8Array): void {
    if (this.#waiting.push(frame) === 1) dirty.push(this)
    if (dirty.length === 1 && this.#waiting.length === 1) setImmediate(flushAll)
  }

  flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.socket.write(waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting))
  }
}

let dirty: Array<Outlet> = []

function flushAll(): void {
  const outlets = dirty
  dirty = []
  for (const outlet of outlets) outlet.flush()
}

const [listenPort = 0, upstreamPort = 0, linkCount = 2] = process.argv.slice(2).map(Number)
const owners: Array<Outlet | undefined> = Array.from({ length: tableSize }, () => undefined)
const stans = new Uint32Array(tableSize)
let last = 0
let messages = 0

function openLink(): Outlet {
  const socket = connect({ port: upstreamPort, host: "127.0.0.1", noDelay: true })
  const splitter = new FrameSplitter()
  socket.on("data", (chunk: Buffer) => splitter.push(chunk, returned))
  socket.on("error", (error) => {
    process.stderr.write(`relay: upstream link: ${error.message}\n`)
    process.exit(3)
  })
  return new Outlet(socket)
}

const links = Array.from({ length: linkCount }, openLink)

function returned(frame: Buffer): void {
  const offset = stanOffset(frame)
  const number = frame.readUIntBE(offset, 3)
  const owner = owners[number]
  if (owner === undefined) return
  owners[number] = undefined
  frame.writeUIntBE(stans[number]!, offset, 3)
  owner.send(frame)
}

function forward(owner: Outlet, frame: Buffer): void {
  const offset = stanOffset(frame)
  last = (last + 1) % tableSize
  owners[last] = owner
  stans[last] = frame.readUIntBE(offset, 3)
  frame.writeUIntBE(last, offset, 3)
  messages++
  links[last % links.length]!.send(frame)
}

const server = createServer({ noDelay: true }, (socket) => {
  const outlet = new Outlet(socket)
  const splitter = new FrameSplitter()
  socket.on("data", (chunk: Buffer) => splitter.push(chunk, (frame) => forward(outlet, frame)))
  socket.on("error", () => socket.destroy())
})

server.listen({ port: listenPort, host: "0.0.0.0", backlog: 4096 }, () => {
  const address = server.address()
  process.stdout.write(`ready ${typeof address === "object" ? address?.port : ""}\n`)
})

process.on("SIGTERM", () => {
  const { user, system } = process.cpuUsage()
  const each = messages === 0 ? 0 : (user + system) / messages
  process.stdout.write(`relay: ${messages} messages, ${each.toFixed(1)} µs of CPU each\n`)
  process.exit(0)
})
