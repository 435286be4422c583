/** The machine's transport and HTTP for tests, a recorder for connections, and certificates. */

import { Effect, Layer, Scope } from "effect"
import { join } from "node:path"
import { Timers } from "../../src/actor/timers.ts"
import type {
  Connection,
  ConnectionHandler,
  ListenOptions,
  TlsOptions
} from "../../src/domain/ports/transport.ts"
import { Transport, type TransportShape } from "../../src/domain/ports/transport.ts"
import { MachineTime } from "../../src/listen/machine-time.ts"
import { MachineTransport } from "../../src/listen/machine-transport.ts"
import { built } from "../actor/built.ts"

export const machineTimers = Timers.layer.pipe(Layer.provideMerge(MachineTime))

export const machineTransport = MachineTransport.pipe(Layer.provideMerge(machineTimers))

const corpus = join(import.meta.dirname, "../corpus/tls")

/** Throw-away certificates, valid for a hundred years; `authority.pem` made all but `stranger`. */
export function certificate(
  name: string
): { readonly keyFile: string; readonly certificateFile: string } {
  return { keyFile: join(corpus, `${name}.key`), certificateFile: join(corpus, `${name}.pem`) }
}

export const authorityFile = join(corpus, "authority.pem")

export function corpusFile(name: string): string {
  return join(corpus, name)
}

export function serverTls(clientCertificate: TlsOptions["clientCertificate"]): TlsOptions {
  return { ...certificate("server"), authorityFile, clientCertificate }
}

/** Everything a connection says, with a way to wait for it. */
export class Recorder implements ConnectionHandler {
  readonly connection: Connection
  readonly events: Array<string> = []
  received = ""
  drains = 0
  onEvent: () => void = () => {}
  #waiting: Array<() => void> = []

  constructor(connection: Connection) {
    this.connection = connection
  }

  onData = (chunk: Buffer): void => {
    this.received += chunk.toString("latin1")
    this.#said("data")
  }
  onDrain = (): void => {
    this.drains++
    this.#said("drain")
  }
  onEnd = (): void => this.#said("end")
  onClose = (how: "ended" | "reset" | "failed"): void => this.#said(`closed ${how}`)

  /** Resolves when the condition holds; asked after every event. */
  async until(condition: (self: Recorder) => boolean): Promise<this> {
    while (!condition(this)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    return this
  }

  closed(): Promise<this> {
    return this.until((self) => self.events.some((event) => event.startsWith("closed")))
  }

  #said(event: string): void {
    if (event !== "data" || this.events.at(-1) !== "data") this.events.push(event)
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
    this.onEvent()
  }
}

export interface Listening {
  readonly port: number
  readonly accepted: Array<Recorder>
  readonly refused: Array<string>
  readonly transport: TransportShape
  /** The next connection that is handed over. */
  readonly next: () => Promise<Recorder>
  readonly close: () => Promise<void>
}

/** Listens on a free port of loopback. */
export async function listening(
  options: Partial<ListenOptions> = {},
  permit: (connection: Connection) => boolean = () => true
): Promise<Listening> {
  const machine = built(machineTransport)
  const transport = machine.get(Transport)
  const accepted: Array<Recorder> = []
  const refused: Array<string> = []
  let taken = 0
  const waiting: Array<() => void> = []
  const listen = transport.listen({
    name: "test",
    host: "127.0.0.1",
    port: 0,
    backlog: 128,
    refused: (reason, remote) => {
      refused.push(`${reason} ${remote.replace(/:\d+$/, "")}`)
      for (const resolve of waiting.splice(0)) resolve()
    },
    ...options
  }, (connection) => {
    if (!permit(connection)) return undefined
    const recorder = new Recorder(connection)
    accepted.push(recorder)
    for (const resolve of waiting.splice(0)) resolve()
    return recorder
  })
  const { port } = await Effect.runPromise(Scope.provide(listen, machine.scope))
  return {
    port,
    accepted,
    refused,
    transport,
    next: async () => {
      while (accepted.length <= taken) {
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
      return accepted[taken++] as Recorder
    },
    close: async () => {
      for (const recorder of accepted) recorder.connection.destroy()
      await machine.close()
    }
  }
}
