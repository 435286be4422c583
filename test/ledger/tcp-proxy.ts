/** A TCP proxy on a free port that can hold back answers and cut connections, for fault tests. */

import { connect, createServer, type Server, type Socket } from "node:net"
import type { AddressInfo } from "node:net"

export class TcpProxy {
  readonly #server: Server
  readonly #pairs = new Set<readonly [client: Socket, upstream: Socket]>()
  /** Cuts the connection instead of handing on the next answer that comes while this is positive. */
  cutAnswers = 0
  /** Takes connections and lets nothing through. */
  isBlackHole = false

  constructor(toPort: number) {
    this.#server = createServer((client) => {
      const upstream = connect(toPort, "127.0.0.1")
      const pair = [client, upstream] as const
      this.#pairs.add(pair)
      const end = () => {
        this.#pairs.delete(pair)
        client.destroy()
        upstream.destroy()
      }
      for (const socket of pair) socket.on("error", end).on("close", end)
      client.on("data", (chunk) => {
        if (!this.isBlackHole) upstream.write(chunk)
      })
      upstream.on("data", (chunk) => {
        if (this.isBlackHole) return
        if (this.cutAnswers > 0) {
          this.cutAnswers--
          end()
        } else client.write(chunk)
      })
    })
  }

  /** On a free port, or again on one that it had. */
  async start(port = 0): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve))
    return (this.#server.address() as AddressInfo).port
  }

  cutAll(): void {
    for (const [client] of this.#pairs) client.destroy()
  }

  async stop(): Promise<void> {
    this.cutAll()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
