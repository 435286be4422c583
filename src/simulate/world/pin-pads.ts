/**
 * What customers type at the terminals of a world, and what comes of it. What must hold, and is
 * told where it does not: the PIN that an acquirer finds was typed for this card and amount at the
 * terminal that the message names, and comes wherever one was typed; and the switch leaves none
 * behind, in clear or as a block that a terminal sent or an acquirer got. Most of the wrong ones
 * are typed once in a world, so that one that came to another's question is known by itself.
 */

import type { Message } from "../../iso8583/message.ts"
import type { PinWitness } from "../issuer.ts"
import type { PinPad } from "../pin-pad.ts"
import { pinForms, type Secret, secretForms, SecretSearch } from "../secret-search.ts"
import { pinKinds } from "../terminal-speech.ts"
import { testPin } from "../test-cards.ts"
import { Chance } from "./chance.ts"
import type { WorldHouse } from "./house.ts"
import type { WorldPlan } from "./plan.ts"

const shortestPin = 4
const longestPin = 12

type Pads = Pick<WorldPlan, "seed" | "pinPads" | "wrongPins">

export class PinPads {
  readonly #plan: Pads
  readonly #onWrong: (what: string) => void
  /** By terminal, card and amount; several where there is no amount. */
  readonly #typed = new Map<string, Set<string>>()
  /** By their bytes in hex, once each. */
  readonly #secrets = new Map<string, ReadonlyArray<Secret>>()
  readonly #written: Array<readonly [place: string, bytes: Uint8Array]> = []

  /** Everything that `watch` shows is searched in the end. */
  constructor(plan: Pads, watch: WorldHouse["watch"], onWrong: (what: string) => void) {
    this.#plan = plan
    this.#onWrong = onWrong
    if (plan.pinPads > 0) watch((place, bytes) => this.#written.push([place, bytes]))
  }

  /** Blocks are known only when they have come, so all that was written is searched at once. */
  search(): void {
    const search = new SecretSearch([...this.#secrets.values()].flat())
    for (const [place, bytes] of this.#written.splice(0)) search.bytes(place, bytes)
    for (const found of new Set(search.found)) this.#onWrong(`${found} (I6)`)
  }

  #keep(name: string, block: Uint8Array): void {
    const hex = Buffer.from(block).toString("hex")
    if (!this.#secrets.has(hex)) this.#secrets.set(hex, secretForms(name, block))
  }

  /** Undefined: this terminal has none. */
  at(terminal: string): PinPad | undefined {
    const { pinPads, seed, wrongPins } = this.#plan
    const random = new Chance(seed, `${terminal}-pin-pad`)
    if (!random.happens(pinPads)) return undefined
    return {
      type: (pan, amount) => {
        const pin = random.happens(wrongPins) ? mistyped(pan, random) : testPin(pan)
        const question = questionOf(terminal, pan, amount)
        this.#typed.set(question, (this.#typed.get(question) ?? new Set()).add(pin))
        this.#secrets.set(`${pan} ${pin}`, formsOf(pan, pin))
        return pin
      },
      sent: (block) => this.#keep(`a PIN block of ${terminal}`, block)
    }
  }

  /** Stands beside the issuer of this acquirer. */
  witnessAt(acquirer: string): PinWitness {
    return (message, block, pin) => {
      const question = asked(message)
      const typed = this.#typed.get(question)
      const what = `${acquirer} was sent for ${message.role("terminal")} ${message.role("stan")}`
      if (block !== undefined) this.#keep(`a PIN block for ${acquirer}`, block)
      if (block === undefined) {
        if (typed !== undefined && pinKinds.has(message.kind() ?? "")) {
          this.#onWrong(`${what} no PIN, and one was typed`)
        }
      } else if (pin === undefined) {
        this.#onWrong(`${what} a PIN block that does not open: another key, format or card`)
      } else if (typed?.has(pin) !== true) {
        this.#onWrong(`${what} a PIN that nobody typed for it`)
      }
    }
  }
}

function questionOf(terminal: string, pan: string, amount = 0): string {
  return `${terminal}|${pan}|${amount}`
}

function asked(message: Message): string {
  const terminal = (message.role("terminal") ?? "").trim()
  return questionOf(terminal, message.role("pan") ?? "", Number(message.role("amount") ?? 0))
}

/** Twelve digits that chance made are also looked for as they are typed: nothing is like them. */
function formsOf(pan: string, pin: string): ReadonlyArray<Secret> {
  const typed = { name: `the digits of a PIN of ${pan.slice(-4)}`, bytes: Buffer.from(pin) }
  const isRare = pin.length === longestPin && pin !== testPin(pan)
  return isRare ? [...pinForms(pan, pin), typed] : pinForms(pan, pin)
}

function mistyped(pan: string, random: Chance): string {
  const length = random.happens(0.5) ? longestPin : random.between(shortestPin, longestPin)
  const pin = Array.from({ length }, () => random.between(0, 9)).join("")
  return pin === testPin(pan) ? mistyped(pan, random) : pin
}
