/**
 * A counter of the world that takes codes only: a device that sells by the customer's code, shows
 * codes of its own, and announces what was paid, also at the code that is printed beside it. What
 * must hold: it keeps its own book; what it asked is asked again until it is answered; it
 * announces a payment once, and only one of its own.
 */

import type { TimersShape } from "../../actor/timers.ts"
import type { TimeShape } from "../../domain/ports/time.ts"
import { issuerDeclines, type TerminalBook, type TerminalEntry } from "../book.ts"
import { Device, type DeviceMessage, type DeviceOptions } from "../device.ts"
import type { PaymentBook } from "../payment-book.ts"
import type { Chance } from "./chance.ts"
import type { Purse } from "./purse.ts"

export interface CounterHabits {
  readonly thinkMs: number
  /** Weights of what happens at it. */
  readonly sale: number
  readonly show: number
  readonly printed: number
  /** Of shown codes: paid at all; of those, with another amount; by a second customer too. */
  readonly paid: number
  readonly wrongAmount: number
  readonly paidTwice: number
  /** Mean time that a customer takes to scan. */
  readonly scanMs: number
  /** Per question: the device loses its connection right after asking. */
  readonly churn: number
}

export const calmCounter: CounterHabits = {
  thinkMs: 400,
  sale: 1,
  show: 1,
  printed: 1,
  paid: 1,
  wrongAmount: 0,
  paidTwice: 0,
  scanMs: 2_000,
  churn: 0
}

interface CounterOptions {
  readonly name: string
  readonly merchant: string
  /** The name on its printed code. */
  readonly counter: string
  readonly questions: number
  readonly habits: CounterHabits
  readonly device: Omit<DeviceOptions, "onPush" | "terminal">
  readonly time: TimeShape
  readonly timers: TimersShape
  readonly random: Chance
  readonly book: TerminalBook
  readonly payments: PaymentBook
  readonly purse: Purse
  readonly onWrong: (what: string) => void
}

const currency = "156"
const payCodes = ["134567890123456789", "287654321098765432"] as const
const patienceMs = 45_000

export class Counter {
  readonly name: string
  readonly #options: CounterOptions
  readonly #device: Device
  #habits: CounterHabits
  #questions: number
  #asked = 0
  #stan = 0
  #amount = 100
  #isOpen = false
  #stopped = false
  /** Customers who have a code before them. */
  #scanning = 0

  constructor(options: CounterOptions) {
    const { device, name, onWrong, payments } = options
    this.name = name
    this.#options = options
    this.#habits = options.habits
    this.#questions = options.questions
    this.#device = new Device({
      ...device,
      terminal: name,
      onPush: ({ amount, payment }) => {
        const wrong = payments.tell(name, payment, amount)
        if (wrong !== undefined) onWrong(`counter ${name} ${wrong}`)
      }
    })
  }

  /** Nothing is open and nothing more will be asked. */
  get isQuiet(): boolean {
    return !this.#isOpen && this.#scanning === 0 &&
      (this.#stopped || this.#asked >= this.#questions)
  }

  start(): void {
    this.#device.connect()
    this.#think()
  }

  stop(): void {
    this.#stopped = true
  }

  more(questions: number, habits: CounterHabits): void {
    this.#habits = habits
    this.#stopped = false
    this.#questions = this.#asked + questions
    if (!this.#isOpen) this.#think()
  }

  #think(): void {
    const { random, timers } = this.#options
    if (this.#stopped || this.#asked >= this.#questions) return
    this.#isOpen = true
    timers.after(random.pauseMs(this.#habits.thinkMs), () => this.#act())
  }

  #act(): void {
    const { counter, purse, random } = this.#options
    const { printed, sale, show } = this.#habits
    this.#asked++
    this.#amount++
    const drawn = random.next() * (printed + sale + show)
    if (drawn < sale) return this.#sell()
    if (drawn < sale + show) return this.#show()
    purse.pay({ terminal: this.name, counter, amount: this.#amount })
    this.#done()
  }

  #done(): void {
    this.#isOpen = false
    this.#think()
  }

  #sell(): void {
    const { book, merchant, random, time } = this.#options
    const stan = this.#nextStan()
    const amount = this.#amount
    const entry = book.ask({
      terminal: this.name,
      merchant,
      stan,
      kind: "sale",
      amount,
      currency,
      startedMs: time.wallMs(),
      outcome: "open",
      reversal: "none"
    })
    const code = random.pick(payCodes)
    this.#ask({ type: "sale", stan, amount, currency, code }, (answer) => {
      this.#heard(entry, answer)
      this.#done()
    })
  }

  #heard(entry: TerminalEntry, answer: DeviceMessage): void {
    const { amount, approved, response, rrn } = answer
    const code = String(response)
    const outcome = approved === true
      ? "approved"
      : issuerDeclines.has(code)
      ? "declined"
      : "refused"
    this.#options.book.hear(entry, outcome, {
      response: code,
      ...(typeof rrn === "string" ? { rrn } : {}),
      ...(typeof amount === "number" ? { heardAmount: amount } : {})
    })
  }

  #show(): void {
    const amount = this.#amount
    const shown = { type: "show", stan: this.#nextStan(), amount, currency }
    this.#ask(shown, ({ order, type }) => {
      if (type === "code" && typeof order === "string") this.#customer(order, amount)
      this.#done()
    })
  }

  /** Somebody scans the code, or nobody does. */
  #customer(order: string, amount: number): void {
    const { purse, random, timers } = this.#options
    const { paid, paidTwice, scanMs, wrongAmount } = this.#habits
    if (!random.happens(paid)) return
    const times = random.happens(paidTwice) ? 2 : 1
    for (let time = 0; time < times; time++) {
      const waitMs = random.pauseMs(scanMs)
      const given = random.happens(wrongAmount) ? amount + 1 : amount
      this.#scanning++
      timers.after(waitMs, () => {
        this.#scanning--
        purse.pay({ terminal: this.name, order, amount: given })
      })
    }
  }

  #ask(
    message: DeviceMessage & { readonly stan: string },
    done: (answer: DeviceMessage) => void
  ): void {
    const { random, time, timers } = this.#options
    let open = true
    const impatient = (): void => {
      if (!open) return
      this.#device.hangUp()
      timers.after(patienceMs, impatient)
    }
    timers.after(patienceMs, impatient)
    this.#device.ask(message, (answer) => {
      open = false
      done(answer)
    })
    if (random.happens(this.#habits.churn)) time.defer(() => this.#device.hangUp())
  }

  #nextStan(): string {
    return String(++this.#stan).padStart(6, "0")
  }
}
