/**
 * HTTP from outside: raw bodies up to a limit, one answer each. What must hold: nobody is read
 * beyond the limit or the deadline, every request is answered at most once, and a handler hears
 * only of requests that arrived whole.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { HttpRequest, HttpResponse } from "../domain/ports/http.ts"
import { remoteOf } from "./socket-connection.ts"

export interface ServeOptions {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly maxBodyBytes: number
  readonly maxConnections?: number
  readonly declined?: () => void
  readonly oversized?: () => void
}

export type HttpHandler = (
  request: HttpRequest,
  respond: (response: HttpResponse) => void
) => void

/** Schemes and operators keep a few open; each costs a file descriptor that a terminal may need. */
const maxConnections = 1000

/** Header and body of a request must be here in this time; wallets give five seconds in all. */
const requestTimeoutMs = 10_000

export function createHttpServer(options: ServeOptions, handle: HttpHandler): Server {
  const limits = {
    headersTimeout: requestTimeoutMs,
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: 16_384,
    noDelay: true
  }
  const server = createServer(limits, (incoming, outgoing) => {
    const declared = Number(incoming.headers["content-length"] ?? 0)
    if (declared > options.maxBodyBytes) refuse(incoming, outgoing, options)
    else collect(incoming, outgoing, options, handle)
  })
  server.maxConnections = options.maxConnections ?? maxConnections
  return server.on("drop", () => options.declined?.())
}

function collect(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  options: ServeOptions,
  handle: HttpHandler
): void {
  const chunks: Array<Buffer> = []
  let length = 0
  incoming.on("data", (chunk: Buffer) => {
    length += chunk.length
    if (length > options.maxBodyBytes) return refuse(incoming, outgoing, options)
    chunks.push(chunk)
  })
  incoming.on("end", () => {
    if (length > options.maxBodyBytes) return
    const request = {
      method: incoming.method ?? "",
      path: incoming.url ?? "",
      headers: headersOf(incoming),
      body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length),
      remote: remoteOf(incoming.socket)
    }
    handle(request, (response) => answer(outgoing, response))
  })
}

/** 413, and the connection ends: what follows on it is the rest of a body nobody reads. */
function refuse(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { oversized }: ServeOptions
): void {
  incoming.removeAllListeners("data")
  incoming.resume()
  if (outgoing.headersSent) return
  oversized?.()
  outgoing.writeHead(413, { connection: "close", "content-length": "0" })
  outgoing.end(() => incoming.destroy())
}

function answer(outgoing: ServerResponse, response: HttpResponse): void {
  if (outgoing.headersSent || outgoing.destroyed) return
  const { body, headers, status } = response
  outgoing.writeHead(status, { ...Object.fromEntries(headers), "content-length": body.length })
  outgoing.end(body)
}

/** Names in lower case; what came several times is joined with commas. */
export function headersOf(message: IncomingMessage): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value)
  }
  return headers
}
