/** When a connection says that it is over: before anything else of that turn is handed to it. */

import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { expect, it } from "vitest"
import { TurnFlush } from "../../src/actor/turn-writer.ts"
import { SocketConnection } from "../../src/listen/socket-connection.ts"

it("has broken before what waits for the end of that turn counts as written (N4, U2)", async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1")
  const [socket] = await once(server, "connection") as [Socket]
  const connection = new SocketConnection(1, socket, "", undefined)
  const flush = new TurnFlush({ atTurnEnd: (task) => void setImmediate(task) })
  const written: Array<number> = []
  const writer = flush.writer(connection, 1000, {
    onWritten: (sequence) => written.push(sequence),
    onSlow: () => {}
  })
  const ends: Array<string> = []
  connection.serve({
    onData: () => {},
    onDrain: () => {},
    onEnd: () => {},
    onClose: (how) => {
      ends.push(how)
      writer.close()
    }
  })
  // An answer that is ready in the very turn in which the other side breaks the connection.
  socket.prependListener("error", () => writer.send(Buffer.from("answer")))
  client.resetAndDestroy()
  await new Promise((resolve) => socket.once("close", resolve))
  server.close()
  expect(ends).toEqual(["reset"])
  expect(written).toEqual([])
})
