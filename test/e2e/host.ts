/**
 * An upstream in the test's own process: it takes links, answers sign-on and echo, keeps every
 * request it hears, and answers it as the test says.
 */

import { createServer, type Server, type Socket } from "node:net"
import type { Message } from "../../src/iso8583/message.ts"
import type { Speech } from "./caller.ts"

/** What becomes of a request: an answer's body, bytes as they are, or silence. */
type Reply = { readonly body: Uint8Array } | { readonly bytes: Uint8Array } | "silence"

export class Host {
  /** Financial requests and advices, in the order in which they came. */
  readonly requests: Array<Message> = []
  answer: (request: Message) => Reply
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #speech: Speech

  constructor(speech: Speech) {
    this.#speech = speech
    this.answer = (request) => ({ body: this.approval(request) })
    this.#server = createServer((socket) => this.#serve(socket))
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject)
      this.#server.listen(port, "127.0.0.1", resolve)
    })
  }

  /** Approves a request, acknowledges an advice. */
  approval(request: Message): Buffer {
    const { dialect } = this.#speech
    const path = dialect.pathOf("authCode")
    const values = path === undefined || request.kind() === "reversal" ? {} : { [path]: "A12345" }
    return dialect.respond(request, dialect.responseCode("00"), values, false)
  }

  dropLinks(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.dropLinks()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: Socket): void {
    const { dialect, framing } = this.#speech
    this.#sockets.add(socket)
    socket.on("close", () => this.#sockets.delete(socket))
    socket.on("error", () => {})
    const deframer = framing.deframer(65_535)
    socket.on("data", (chunk: Buffer) => {
      deframer.push(chunk, {
        onKeepAlive: () => {},
        onFrame: (header, body) => {
          const message = dialect.read(Buffer.from(body))
          if ("failure" in message) throw new Error(`the switch sent ${JSON.stringify(message)}`)
          const reply = this.#hear(message)
          if (reply === "silence") return
          const bytes = "bytes" in reply
            ? reply.bytes
            : framing.encode(framing.replyHeader(header), reply.body)
          if (bytes !== undefined) socket.write(bytes)
        }
      })
    })
  }

  #hear(message: Message): Reply {
    const kind = message.kind()
    if (kind === "echo" || kind === "sign-on" || kind === "sign-off") {
      return { body: this.approval(message) }
    }
    this.requests.push(message)
    return this.answer(message)
  }
}
