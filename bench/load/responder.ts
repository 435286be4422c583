/**
 * The upstream of the bench: approves everything at once, as cheaply as it can, so that what is
 * measured is what stands in front of it.
 *
 * node bench/load/responder.ts <port> [cup]
 *
 * China UnionPay frames only (the relay's arm); the answer is one prepared 0210 with the number of
 * the question where its STAN stands. Must hold: answers to one link leave in one write per turn.
 */

import { createServer } from "node:net"
import { preparedAnswer } from "./sale.ts"
import { FrameSplitter, stanOffset } from "./wire.ts"

const port = Number(process.argv[2] ?? 0)
const answer = preparedAnswer()
const answerStan = stanOffset(answer)

const server = createServer({ noDelay: true }, (socket) => {
  const splitter = new FrameSplitter()
  let waiting: Array<Buffer> = []
  const reply = (frame: Buffer) => {
    const made = Buffer.from(answer)
    frame.copy(made, answerStan, stanOffset(frame), stanOffset(frame) + 3)
    waiting.push(made)
  }
  socket.on("data", (chunk: Buffer) => {
    splitter.push(chunk, reply)
    if (waiting.length === 0) return
    socket.write(waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting))
    waiting = []
  })
  socket.on("error", () => socket.destroy())
})

server.listen({ port, host: "127.0.0.1" }, () => {
  const address = server.address()
  process.stdout.write(`ready ${typeof address === "object" ? address?.port : ""}\n`)
})

process.on("SIGTERM", () => process.exit(0))
