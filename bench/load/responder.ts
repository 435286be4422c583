/**
 * The upstream of the bench: approves everything at once, as cheaply as it can, so that what is
 * measured is what stands in front of it.
 *
 * node bench/load/responder.ts <port>
 *
 * China UnionPay frames only; the answer is one prepared approval with amount, STAN, terminal and
 * merchant of the question, and its MTI plus ten. Must hold: nothing else of the question is
 * altered or contradicted; answers to one link leave in one write per turn.
 */

import { createServer } from "node:net"
import { preparedAnswer } from "./sale.ts"
import { bodyStart, fieldAt, FrameSplitter, stanOffset } from "./wire.ts"

const port = Number(process.argv[2] ?? 0)
const answer = preparedAnswer()
const answerStan = stanOffset(answer)
const answerTerminal = offsetOf(41)
const terminalBytes = 8 + 15

function offsetOf(field: number): number {
  const value = fieldAt(answer, field)
  if (value === undefined) throw new Error(`the prepared answer lacks field ${field}`)
  return value.byteOffset - answer.byteOffset
}

/** Amount and STAN stand side by side, terminal and merchant likewise. */
function answerTo(frame: Buffer): Buffer {
  const made = Buffer.from(answer)
  const stan = stanOffset(frame)
  frame.copy(made, bodyStart, bodyStart, bodyStart + 2)
  made[bodyStart + 1]! |= 0x10
  frame.copy(made, answerStan - 6, stan - 6, stan + 3)
  const terminal = fieldAt(frame, 41)
  if (terminal !== undefined) {
    const at = terminal.byteOffset - frame.byteOffset
    frame.copy(made, answerTerminal, at, at + terminalBytes)
  }
  return made
}

const server = createServer({ noDelay: true }, (socket) => {
  const splitter = new FrameSplitter()
  let waiting: Array<Buffer> = []
  const reply = (frame: Buffer) => {
    waiting.push(answerTo(frame))
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
