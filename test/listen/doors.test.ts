/** Doors that know whom to let in: strangers are closed unheard, and a reload changes the list. */

import { Effect, Layer, Scope } from "effect"
import { connect, type Socket } from "node:net"
import { afterEach, expect, it } from "vitest"
import { Transport } from "../../src/domain/ports/transport.ts"
import { DoorControl, doorsLayer } from "../../src/listen/doors.ts"
import { built } from "../actor/built.ts"
import { machineTransport, Recorder } from "./machine.ts"

const open: Array<() => unknown> = []
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

/** A guarded listener on loopback, and its clients, by their own address. */
async function guarded(allow: ReadonlyArray<string> | undefined, host = "127.0.0.1") {
  const listed = (list: typeof allow) => [
    { name: "shops", ...(list === undefined ? {} : { allow: list }) }
  ]
  const machine = built(doorsLayer(listed(allow)).pipe(Layer.provide(machineTransport)))
  open.push(machine.close)
  const accepted: Array<Recorder> = []
  const refused: Array<string> = []
  const { port } = await Effect.runPromise(Scope.provide(
    machine.get(Transport).listen({
      name: "shops",
      host,
      port: 0,
      backlog: 8,
      refused: (reason, remote) => refused.push(`${reason} ${remote.replace(/:\d+$/, "")}`)
    }, (connection) => {
      const recorder = new Recorder(connection)
      accepted.push(recorder)
      open.push(() => connection.destroy())
      return recorder
    }),
    machine.scope
  ))
  return {
    accepted,
    refused,
    swap: (list: typeof allow) => machine.get(DoorControl).swap(listed(list)),
    /** What the client hears first: an answer, or that it was closed. */
    visit: (localAddress: string) => {
      const socket = connect({ port, host: "127.0.0.1", localAddress })
      open.push(() => socket.destroy())
      socket.write("0800")
      return heard(socket)
    }
  }
}

function heard(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.on("error", () => {})
    socket.once("data", (chunk: Buffer) => resolve(chunk.toString()))
    socket.once("close", () => resolve("closed"))
  })
}

it("closes whom the list does not name before a byte is read, and counts each", async () => {
  const door = await guarded(["127.0.0.2", "127.0.8.0/24"])
  expect(await door.visit("127.0.0.3")).toBe("closed")
  expect(await door.visit("127.0.9.1")).toBe("closed")
  expect(door.accepted).toHaveLength(0)
  expect(door.refused).toEqual([
    "address-not-allowed 127.0.0.3",
    "address-not-allowed 127.0.9.1"
  ])
  for (const address of ["127.0.0.2", "127.0.8.200"]) {
    const answer = door.visit(address)
    while (!door.accepted.some(({ connection }) => connection.remote.startsWith(address))) {
      await new Promise(setImmediate)
    }
    door.accepted.at(-1)!.connection.write(Buffer.from("0810"))
    expect(await answer).toBe("0810")
  }
  expect(door.refused).toHaveLength(2)
})

it("knows an IPv4 peer on a socket for both versions", async () => {
  const door = await guarded(["127.0.0.2"], "::")
  expect(await door.visit("127.0.0.3")).toBe("closed")
  void door.visit("127.0.0.2")
  while (door.accepted.length === 0) await new Promise(setImmediate)
  expect(door.refused).toEqual(["address-not-allowed 127.0.0.3"])
})

it("takes another list from the next connection on; who is in stays, and no list is open", async () => {
  const door = await guarded(undefined)
  const first = door.visit("127.0.0.3")
  while (door.accepted.length === 0) await new Promise(setImmediate)
  door.swap(["127.0.0.2"])
  expect(await door.visit("127.0.0.3")).toBe("closed")
  door.accepted[0]!.connection.write(Buffer.from("still here"))
  expect(await first).toBe("still here")
  door.swap(undefined)
  void door.visit("127.0.0.3")
  while (door.accepted.length < 2) await new Promise(setImmediate)
  expect(door.refused).toHaveLength(1)
})
