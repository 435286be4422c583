/**
 * A counter that sells: an ISO 8583:1987 terminal of the shipped estate, signed on over a real
 * connection, and what it sends. Every counter of a test file has its own terminal.
 */

import type { Message } from "../../src/iso8583/message.ts"
import { Caller } from "./caller.ts"
import { ascii } from "./speech.ts"

/** A published test number that the site's routes send to the ASCII acquirer. */
const card = "4111111111111111"

export class Counter {
  readonly caller: Caller
  readonly terminal: string
  readonly merchant: string
  #stan: number

  /** `number`: 101 to 200 of the estate; five to a merchant. */
  constructor(port: number, number: number) {
    this.terminal = `T${String(number).padStart(7, "0")}`
    this.merchant = `M${String(1 + Math.floor((number - 1) / 5)).padStart(14, "0")}`
    // Numbers that are nothing else in a message, so that a trace shows whose it is.
    this.#stan = number * 1000 + 731_000
    this.caller = new Caller(ascii, port)
  }

  async signOn(): Promise<this> {
    const form = ascii.dialect.form("sign-on")!
    const { message } = await this.caller.ask(ascii.dialect.build(form.mti, {
      ...form.values,
      ...this.#common()
    }))
    if (message.text("39") !== "00") throw new Error(`sign-on: ${message.text("39")}`)
    return this
  }

  /** A sale as bytes; `stan` of the next one when it is not given. */
  sale(changes: Readonly<Record<string, string>> = {}): Buffer {
    return ascii.dialect.build("0200", {
      ...this.#common(),
      "2": card,
      "3": "000000",
      "4": "000000001250",
      "12": "223001",
      "13": "1126",
      "14": "3012",
      "22": "012",
      "25": "00",
      "49": "156",
      ...changes
    })
  }

  async sell(changes: Readonly<Record<string, string>> = {}): Promise<Message> {
    const { message } = await this.caller.ask(this.sale(changes))
    return message
  }

  get stan(): string {
    return String(this.#stan).padStart(6, "0")
  }

  #common(): Readonly<Record<string, string>> {
    this.#stan++
    return { "7": "1126143000", "11": this.stan, "41": this.terminal, "42": this.merchant }
  }
}

export async function openCounter(port: number, number: number): Promise<Counter> {
  return new Counter(port, number).signOn()
}
