/** HTTP both ways over real sockets: limits, one answer each, and what is in doubt. */

import { Effect, Layer, Scope } from "effect"
import { once } from "node:events"
import { request } from "node:http"
import { connect, createServer, type Socket } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import {
  Http,
  type HttpCall,
  type HttpOutcome,
  type HttpRequest,
  type HttpResponse
} from "../../src/domain/ports/http.ts"
import { MachineHttp } from "../../src/listen/machine-http.ts"
import { type Built, built } from "../actor/built.ts"
import { machineTimers } from "./machine.ts"

const open: Array<() => unknown> = []
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

function machine(): Built<Http> {
  const made = built(MachineHttp.pipe(Layer.provide(machineTimers)))
  open.push(made.close)
  return made
}

async function serving(
  handle: (request: HttpRequest, respond: (response: HttpResponse) => void) => void
): Promise<{ readonly port: number; readonly http: Built<Http> }> {
  const http = machine()
  const options = { name: "public", host: "127.0.0.1", port: 0, maxBodyBytes: 1000 }
  const serve = http.get(Http).serve(options, handle)
  const { port } = await Effect.runPromise(Scope.provide(serve, http.scope))
  return { port, http }
}

function respondWith(status: number, text: string): HttpResponse {
  return { status, headers: new Map([["content-type", "text/plain"]]), body: Buffer.from(text) }
}

async function call(
  http: Built<Http>,
  port: number,
  change: Partial<HttpCall> = {}
): Promise<HttpOutcome> {
  const outcomes: Array<HttpOutcome> = []
  await new Promise<void>((resolve) => {
    http.get(Http).call({
      method: "POST",
      url: `http://127.0.0.1:${port}/pay?a=1`,
      headers: new Map([["X-Trace", "7"]]),
      body: Buffer.from("body"),
      timeoutMs: 5000,
      ...change
    }, (outcome) => {
      outcomes.push(outcome)
      resolve()
    })
  })
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
  expect(outcomes).toHaveLength(1)
  return outcomes[0] as HttpOutcome
}

/** A peer on bare TCP, to misbehave exactly. */
async function peer(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    open.push(() => socket.destroy())
    serve(socket.on("error", () => {}))
  })
  server.listen(0, "127.0.0.1")
  open.push(() => server.close())
  await once(server, "listening")
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

describe("an HTTP server", () => {
  it("hands over method, path, headers and the raw body, and answers once", async () => {
    const seen: Array<HttpRequest> = []
    const { http, port } = await serving((incoming, respond) => {
      seen.push(incoming)
      respond(respondWith(200, "success"))
      respond(respondWith(500, "again"))
    })
    const outcome = await call(http, port, { body: Buffer.from([0, 255, 10]) })
    expect(outcome).toMatchObject({ _tag: "answered", response: { status: 200 } })
    if (outcome._tag === "answered") {
      expect(Buffer.from(outcome.response.body).toString()).toBe("success")
      expect(outcome.response.headers.get("content-type")).toBe("text/plain")
    }
    expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual(["POST /pay?a=1"])
    expect(seen[0]?.headers.get("x-trace")).toBe("7")
    expect([...seen[0]?.body ?? []]).toEqual([0, 255, 10])
    expect(seen[0]?.remote).toMatch(/^127\.0\.0\.1:\d+$/)
  })

  it("refuses a body above the limit, declared or not, and never hands it over", async () => {
    let handed = 0
    const { http, port } = await serving(() => handed++)
    const declared = await call(http, port, { body: Buffer.alloc(1001) })
    expect(declared).toMatchObject({ _tag: "answered", response: { status: 413 } })
    const chunked = request({ port, host: "127.0.0.1", method: "POST" }).on("error", () => {})
    chunked.write(Buffer.alloc(600))
    chunked.write(Buffer.alloc(600))
    const [response] = await once(chunked, "response")
    expect([response.statusCode, response.headers.connection, handed]).toEqual([413, "close", 0])
    chunked.destroy()
  })

  it("closes whoever comes when there is no room, and goes on with those who are there", async () => {
    let declined = 0
    const http = machine()
    const serve = http.get(Http).serve({
      name: "public",
      host: "127.0.0.1",
      port: 0,
      maxBodyBytes: 1000,
      maxConnections: 2,
      declined: () => declined++
    }, (_, respond) => respond(respondWith(200, "success")))
    const { port } = await Effect.runPromise(Scope.provide(serve, http.scope))
    const kept = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")]
    open.push(() => kept.forEach((socket) => socket.destroy()))
    await Promise.all(kept.map((socket) => once(socket, "connect")))
    expect(await call(http, port)).toMatchObject({ _tag: "doubt" })
    expect(declined).toBe(1)
    kept[1]!.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    const [heard] = await once(kept[1]!, "data") as [Buffer]
    expect(heard.toString()).toMatch(/^HTTP\/1.1 200/)
  })

  it("hears nothing of a request that breaks off", async () => {
    let handed = 0
    const { port } = await serving(() => handed++)
    const socket = connect(port, "127.0.0.1")
    socket.end("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf")
    socket.resume()
    await once(socket, "close")
    expect(handed).toBe(0)
  })

  it("names the port that is taken", async () => {
    const { port } = await serving(() => {})
    const options = { name: "second", host: "127.0.0.1", port, maxBodyBytes: 1 }
    const again = machine().get(Http).serve(options, () => {})
    const failure = await Effect.runPromise(Effect.flip(Effect.scoped(again)))
    expect(failure).toMatchObject({ listener: "second", code: "EADDRINUSE" })
  })
})

describe("an HTTP call", () => {
  it("is unsent when nobody listens, when the URL is none, and when the time is over before", async () => {
    const http = machine()
    const port = await peer(() => {})
    await open.pop()?.()
    expect(await call(http, port)).toEqual({ _tag: "unsent", code: "ECONNREFUSED" })
    expect(await call(http, 0, { url: "nonsense" })).toMatchObject({ _tag: "unsent" })
    const silent = await peer((socket) => socket.resume())
    const secure = { url: `https://127.0.0.1:${silent}/`, timeoutMs: 50 }
    expect(await call(http, 0, secure)).toEqual({ _tag: "unsent", code: "ETIMEDOUT" })
  })

  it("is in doubt from the moment the connection stands", async () => {
    const http = machine()
    const behaviours: ReadonlyArray<readonly [string, (socket: Socket) => void]> = [
      ["ETIMEDOUT", (socket) => socket.resume()],
      ["ECONNRESET", (socket) => socket.once("data", () => socket.resetAndDestroy())],
      ["ECONNRESET", (socket) => socket.once("data", () => socket.end())],
      [
        "ECONNRESET",
        (socket) =>
          socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"))
      ],
      ["HPE_INVALID_CONSTANT", (socket) => socket.once("data", () => socket.end("nonsense\r\n"))]
    ]
    for (const [code, behave] of behaviours) {
      const outcome = await call(http, await peer(behave), { timeoutMs: 200 })
      expect(outcome).toEqual({ _tag: "doubt", code })
    }
  })

  it("is in doubt when a kept connection breaks under it", async () => {
    const http = machine()
    let requests = 0
    const port = await peer((socket) => {
      socket.on("data", () => {
        requests++
        if (requests === 1) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        else socket.resetAndDestroy()
      })
    })
    expect(await call(http, port)).toMatchObject({ _tag: "answered" })
    expect(await call(http, port)).toEqual({ _tag: "doubt", code: "ECONNRESET" })
    expect(requests).toBe(2)
  })

  it("takes any status for an answer, and no answer without end", async () => {
    const http = machine()
    const failing = await peer((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 502 Bad\r\ncontent-length: 0\r\n\r\n"))
    })
    expect(await call(http, failing)).toMatchObject({ _tag: "answered", response: { status: 502 } })
    const endless = await peer((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        const more = (): void => {
          while (socket.writable && socket.write(`10000\r\n${"x".repeat(65_536)}\r\n`));
          socket.once("drain", more)
        }
        more()
      })
    })
    expect(await call(http, endless)).toEqual({ _tag: "doubt", code: "ANSWER_TOO_LONG" })
  })
})
