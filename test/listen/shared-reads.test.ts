/** Sockets that share the buffer they are read into: what each hears is its own, and stays so. */

import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { readShared } from "../../src/listen/shared-reads.ts"

const open: Array<Server | Socket> = []
afterEach(() => {
  for (const each of open.splice(0)) {
    if ("close" in each) each.close()
    else each.destroy()
  }
})

interface Side {
  readonly client: Socket
  readonly server: Socket
  readonly chunks: Array<Buffer>
}

async function sides(count: number): Promise<Array<Side>> {
  const accepted: Array<Omit<Side, "client">> = []
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const chunks: Array<Buffer> = []
    const shared = readShared(socket, (_, chunk) => chunks.push(chunk))
    if (shared === undefined) throw new Error("this Node reads into no shared buffer")
    open.push(shared)
    accepted.push({ server: shared, chunks })
  }).listen(0, "127.0.0.1")
  open.push(server)
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const made: Array<Side> = []
  for (let index = 0; index < count; index++) {
    const client = connect(port, "127.0.0.1")
    open.push(client)
    await once(client, "connect")
    while (accepted.length <= index) await new Promise(setImmediate)
    made.push({ client, ...accepted[index]! })
  }
  return made
}

async function until(met: () => boolean): Promise<void> {
  while (!met()) await new Promise(setImmediate)
}

function heard({ chunks }: Side): Buffer {
  return Buffer.concat(chunks)
}

describe("sockets that share a buffer", () => {
  it("keep what each heard, however many speak and however much", async () => {
    const all = await sides(4)
    const said = all.map((_, index) =>
      [1, 400, 70_000, 3].map((length) => Buffer.alloc(length, `${index}${length}`))
    )
    for (let turn = 0; turn < 4; turn++) {
      all.forEach(({ client }, index) => client.write(said[index]![turn]!))
      await until(() =>
        all.every((side, index) =>
          heard(side).length ===
            said[index]!.slice(0, turn + 1).reduce((sum, each) => sum + each.length, 0)
        )
      )
    }
    all.forEach((side, index) => {
      expect(heard(side).equals(Buffer.concat(said[index]!))).toBe(true)
    })
  })

  it("pause, go on and end like any other", async () => {
    const [side] = await sides(1)
    const { client, server } = side!
    server.pause()
    client.write("while it was paused")
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    expect(heard(side!).length).toBe(0)
    server.resume()
    await until(() => heard(side!).toString() === "while it was paused")
    client.end()
    await once(server, "end")
    client.resume()
    server.end("the other half was still open")
    await once(server, "close")
  })

  it("say what broke them", async () => {
    const [side] = await sides(1)
    const broken = once(side!.server, "error")
    side!.client.resetAndDestroy()
    expect((await broken)[0]).toMatchObject({ code: "ECONNRESET" })
  })
})
