/** A simulated terminal between a host that the test plays and a clock that it moves. */

import { Layer } from "effect"
import { describe, expect, it } from "vitest"
import { Timers } from "../../src/actor/timers.ts"
import type { Connection, ConnectionHandler } from "../../src/domain/ports/transport.ts"
import type { Message } from "../../src/iso8583/message.ts"
import { TerminalBook } from "../../src/simulate/book.ts"
import { calmHabits } from "../../src/simulate/terminal-habits.ts"
import { Terminal } from "../../src/simulate/terminal.ts"
import { built } from "../actor/built.ts"
import { ManualTime } from "../actor/manual-time.ts"
import { dialect } from "../iso8583/shipped.ts"
import { fakeFraming } from "../upstream/fake-dialect.ts"

const iso = dialect("iso87-ascii")
const approved = "00"
const busy = "96"
/** The terminal must sign on first; this dialect says it as it says that something is forbidden. */
const unsigned = iso.responseCode("77")

/** Says this to a message on the connection of this number; undefined: nothing. */
type Answers = (connection: number, message: Message) => string | undefined

class Host implements Connection {
  readonly id: number
  readonly remote = "127.0.0.1:8583"
  handler: ConnectionHandler | undefined
  readonly #answers: Answers
  readonly #time: ManualTime
  readonly #deframer = fakeFraming.deframer(8_192)

  constructor(id: number, time: ManualTime, answers: Answers) {
    this.id = id
    this.#time = time
    this.#answers = answers
  }

  write(bytes: Uint8Array): boolean {
    this.#deframer.push(Buffer.from(bytes), {
      onKeepAlive: () => {},
      onFrame: (_, body) => this.#answer(body)
    })
    return true
  }

  #answer(body: Uint8Array): void {
    const message = iso.read(body)
    if ("failure" in message) throw new Error(message.failure)
    const response = this.#answers(this.id, message)
    if (response === undefined) return
    const mti = `${message.mti.slice(0, 2)}${Number(message.mti[2]) + 1}0`
    const answer = iso.patch(message, { mti, set: { "39": response } })
    const frame = fakeFraming.encode(new Uint8Array(0), answer)!
    this.#time.shape.defer(() => this.handler?.onData(Buffer.from(frame)))
  }

  destroy(): void {
    const { handler } = this
    this.handler = undefined
    handler?.onClose("ended")
  }

  end(): void {}
  leave(): void {}
  pause(): void {}
  resume(): void {}

  pendingBytes(): number {
    return 0
  }
}

function terminalBefore(answers: Answers) {
  const time = new ManualTime()
  const { get } = built(Timers.layer.pipe(Layer.provide(time.layer)))
  let connections = 0
  const book = new TerminalBook()
  const terminal = new Terminal({
    terminal: "T0000001",
    merchant: "M00000000000001",
    dialect: iso,
    framing: fakeFraming,
    host: "127.0.0.1",
    port: 8583,
    signsOn: true,
    keys: undefined,
    habits: { ...calmHabits, questions: 0 },
    transport: {
      listen: () => {
        throw new Error("a terminal listens to nobody")
      },
      connect: (_, connected) => {
        const host = new Host(++connections, time, answers)
        time.shape.defer(() => {
          host.handler = connected(host)
        })
        return () => {}
      }
    },
    time: time.shape,
    timers: get(Timers),
    random: { next: () => 0.5, bytes: (length) => new Uint8Array(length) },
    book
  })
  terminal.start()
  time.pass(100)
  return { time, terminal, book }
}

describe("a simulated terminal", () => {
  it("leaves a connection on which its sign-on was refused, and brings its reversal home", () => {
    const signedOn = new Set<number>()
    const { book, terminal, time } = terminalBefore((connection, message) => {
      if (message.kind() !== "sign-on") {
        if (message.kind() === "sale") return undefined
        return signedOn.has(connection) ? approved : unsigned
      }
      // The second one came too soon.
      if (connection === 2) return busy
      signedOn.add(connection)
      return approved
    })
    expect(terminal.askFor("sale", 100)).toBe(true)
    time.pass(100)
    terminal.askTwice()
    time.pass(300_000)
    expect([...book.entries.values()]).toMatchObject([{ reversal: "acknowledged" }])
    expect(terminal.isQuiet).toBe(true)
  })

  it("asks nothing on a connection that it has closed on its side", () => {
    const asked: Array<string> = []
    const { book, terminal, time } = terminalBefore((connection, message) => {
      if (message.kind() !== "sign-on") asked.push(`${message.role("amount")} on ${connection}`)
      return approved
    })
    for (const amount of [100, 200]) {
      expect(terminal.askFor("sale", amount)).toBe(true)
      terminal.halfClose()
      time.pass(10_000)
    }
    expect(asked).toEqual(["000000000100 on 1", "000000000200 on 2"])
    const outcomes = [...book.entries.values()].map(({ outcome }) => outcome)
    expect(outcomes).toEqual(["approved", "approved"])
  })
})
