/**
 * A simulated security module on the network: `npx pointsman hsm`, tests and the seeded world. It
 * answers host commands as `hsm-desk` does them, and misbehaves as its moods say. What must hold: a
 * mood is drawn for each command; a well module answers each command once, in order.
 */

import { Effect, type Scope } from "effect"
import type { TimersShape } from "../actor/timers.ts"
import type { RandomShape } from "../domain/ports/time.ts"
import type {
  Connection,
  ConnectionHandler,
  ListenFailed,
  TransportShape
} from "../domain/ports/transport.ts"
import type { Deframer, Framing } from "../frame/framing.ts"
import { hsmFraming, maxHsmFrameBytes } from "../security/hsm-command.ts"
import type { KeyStore } from "../security/key-store.ts"
import { HsmDesk } from "./hsm-desk.ts"

export const hsmMoods = [
  "well",
  /** Answers after `slowMs`. */
  "slow",
  /** Never answers. */
  "silent",
  /** Answers under a header that nobody sent. */
  "wrong-header",
  /** Answers as if to another command. */
  "wrong-command",
  /** Sends half of the answer and drops the connection. */
  "half",
  /** Answers with error 41: its own hardware failed. */
  "failed",
  /** Drops the connection instead of answering. */
  "gone"
] as const

export type HsmMood = typeof hsmMoods[number]

export interface HsmTemper {
  /** Weights; a mood that is not named has none. Empty: always well. */
  readonly shares: Readonly<Partial<Record<HsmMood, number>>>
  readonly slowMs: number
  /** New connections are refused. */
  readonly refuses: boolean
}

export const goodHsmTemper: HsmTemper = { shares: {}, slowMs: 500, refuses: false }

interface HsmOptions {
  /** Its master key is the local master key. */
  readonly store: KeyStore
  readonly headerLength: number
  readonly random: RandomShape
  readonly timers: Pick<TimersShape, "after">
}

export class SimulatedHsm {
  readonly #options: HsmOptions
  readonly #desk: HsmDesk
  readonly #framing: Framing
  readonly #connections = new Set<Connection>()
  temper: HsmTemper = goodHsmTemper
  commands = 0

  constructor(options: HsmOptions) {
    this.#options = options
    this.#desk = new HsmDesk(options.store, options.random.bytes)
    this.#framing = hsmFraming(options.headerLength)
  }

  /** For `Transport.listen`. */
  accept(connection: Connection): ConnectionHandler | undefined {
    if (this.temper.refuses) return undefined
    this.#connections.add(connection)
    return new HsmLine(
      connection,
      this.#framing.deframer(maxHsmFrameBytes),
      (header, body) => this.#take(connection, header, body),
      () => this.#connections.delete(connection)
    )
  }

  /** The plug is pulled: all connections are gone. */
  drop(): void {
    for (const connection of this.#connections) connection.destroy()
  }

  #take(connection: Connection, header: Uint8Array, body: Uint8Array): void {
    this.commands++
    const answer = this.#desk.answer(body)
    const { slowMs } = this.temper
    const say = (text: string, under: Uint8Array = header) => {
      const frame = this.#framing.encode(under, Buffer.from(text, "latin1"))
      if (frame !== undefined && this.#connections.has(connection)) connection.write(frame)
    }
    switch (this.#mood()) {
      case "well":
        return say(answer)
      case "slow":
        this.#options.timers.after(slowMs, () => say(answer))
        return
      case "silent":
        return
      case "wrong-header":
        return say(answer, Uint8Array.from(header, (byte) => byte ^ 1))
      case "wrong-command":
        return say(`ZZ${answer.slice(2)}`)
      case "failed":
        return say(`${answer.slice(0, 2)}41`)
      case "half": {
        const frame = this.#framing.encode(header, Buffer.from(answer, "latin1"))
        if (frame !== undefined) connection.write(frame.subarray(0, frame.length / 2))
        return connection.end()
      }
      case "gone":
        return connection.destroy()
    }
  }

  #mood(): HsmMood {
    const { shares } = this.temper
    let total = 0
    for (const mood of hsmMoods) total += shares[mood] ?? 0
    let left = this.#options.random.next() * total
    for (const mood of hsmMoods) {
      left -= shares[mood] ?? 0
      if (left < 0) return mood
    }
    return "well"
  }
}

/** Listens until its scope closes; port 0 asks the system for a free one. */
export function listenHsm(
  transport: TransportShape,
  hsm: SimulatedHsm,
  at: { readonly host: string; readonly port: number }
): Effect.Effect<{ readonly port: number }, ListenFailed, Scope.Scope> {
  return Effect.acquireRelease(
    Effect.void,
    () => Effect.sync(() => hsm.drop())
  ).pipe(
    Effect.andThen(
      transport.listen(
        { name: "hsm", host: at.host, port: at.port, backlog: 128 },
        (connection) => hsm.accept(connection)
      )
    )
  )
}

/** One connection of a host. */
class HsmLine implements ConnectionHandler {
  readonly #connection: Connection
  readonly #deframer: Deframer
  readonly #take: (header: Uint8Array, body: Uint8Array) => void
  readonly #closed: () => void

  constructor(
    connection: Connection,
    deframer: Deframer,
    take: (header: Uint8Array, body: Uint8Array) => void,
    closed: () => void
  ) {
    this.#connection = connection
    this.#deframer = deframer
    this.#take = take
    this.#closed = closed
  }

  onData(chunk: Buffer): void {
    const lost = this.#deframer.push(chunk, { onFrame: this.#take, onKeepAlive: () => {} })
    if (lost !== undefined) this.#connection.destroy()
  }

  onDrain(): void {}

  onEnd(): void {
    this.#connection.end()
  }

  onClose(): void {
    this.#closed()
  }
}
