/**
 * HTTP to wallets. What must hold: `done` is called exactly once; `unsent` is said only when no
 * byte of the request was handed to a connection that stands, `doubt` whenever one was and no whole
 * answer came. Nothing is ever repeated here.
 */

import { Agent as PlainAgent, type ClientRequest, type IncomingMessage } from "node:http"
import { request as requestPlain } from "node:http"
import { Agent as SecureAgent, request as requestSecure } from "node:https"
import type { Socket } from "node:net"
import type { TimersShape } from "../actor/timers.ts"
import type { HttpCall, HttpOutcome } from "../domain/ports/http.ts"
import { headersOf } from "./http-server.ts"
import { codeOf } from "./secure-files.ts"

/** Connections to one wallet; more calls wait, and are `unsent` when their time is over. */
const maxSockets = 256

/** A connection that was idle for longer may be gone on the other side. */
const idleMs = 10_000

/** Answers of wallets are a few KiB; what is longer is none of theirs. */
const maxAnswerBytes = 1_048_576

const agentOptions = {
  keepAlive: true,
  maxSockets,
  maxFreeSockets: 32,
  noDelay: true,
  // Ends sockets that are free; a call has its own deadline.
  timeout: idleMs
}

export class HttpClient {
  readonly #timers: TimersShape
  readonly #plain = new PlainAgent(agentOptions)
  readonly #secure = new SecureAgent(agentOptions)

  constructor(timers: TimersShape) {
    this.#timers = timers
  }

  close(): void {
    this.#plain.destroy()
    this.#secure.destroy()
  }

  call(call: HttpCall, done: (outcome: HttpOutcome) => void): void {
    let settled = false
    let written = false
    const settle = (outcome: HttpOutcome) => {
      if (settled) return
      settled = true
      deadline.cancel()
      done(outcome)
    }
    const fail = (code: string) => settle({ _tag: written ? "doubt" : "unsent", code })
    const deadline = this.#timers.after(call.timeoutMs, () => {
      fail("ETIMEDOUT")
      request?.destroy()
    })
    const request = this.#request(call, fail)
    if (request === undefined) return
    request.on("socket", (socket: Socket) => {
      // A new connection takes the request when it stands; one from before takes it now.
      if (!socket.connecting) return void (written = true)
      const secure = "encrypted" in socket
      socket.once(secure ? "secureConnect" : "connect", () => written = true)
    })
    request.on("error", (error) => fail(codeOf(error)))
    request.on("close", () => fail("ECONNRESET"))
    request.on("response", (response) => collect(response, settle))
    request.end(call.body)
  }

  #request(call: HttpCall, fail: (code: string) => void): ClientRequest | undefined {
    try {
      const url = new URL(call.url)
      const headers = { ...Object.fromEntries(call.headers), "content-length": call.body.length }
      const options = { method: call.method, headers }
      return url.protocol === "https:"
        ? requestSecure(url, { ...options, agent: this.#secure })
        : requestPlain(url, { ...options, agent: this.#plain })
    } catch (cause) {
      fail(codeOf(cause))
      return undefined
    }
  }
}

function collect(response: IncomingMessage, settle: (outcome: HttpOutcome) => void): void {
  const chunks: Array<Buffer> = []
  let length = 0
  response.on("data", (chunk: Buffer) => {
    length += chunk.length
    if (length > maxAnswerBytes) {
      settle({ _tag: "doubt", code: "ANSWER_TOO_LONG" })
      response.destroy()
    } else {
      chunks.push(chunk)
    }
  })
  response.on("error", (error) => settle({ _tag: "doubt", code: codeOf(error) }))
  response.on("end", () => {
    if (!response.complete) return
    const body = Buffer.concat(chunks, length)
    const status = response.statusCode ?? 0
    settle({ _tag: "answered", response: { status, headers: headersOf(response), body } })
  })
}
