/**
 * What the switch answers itself: sign-on with its keys, sign-off, echo, downloads, settlement,
 * polls. What must hold: new working keys are durable before the answer that carries them leaves,
 * and the old MAC key stays good for its grace; what nobody is there to do is refused by name.
 */

import type { JournalWrite, TerminalState } from "../domain/ports/journal.ts"
import type { WorkingKeys, WorkingKeyShape } from "../domain/ports/security-module.ts"
import type { Values } from "../iso8583/message.ts"
import type { Spoken } from "./arrival.ts"
import type { Binding } from "./binding.ts"
import type { SessionHouseShape } from "./house.ts"
import type { IsoSession } from "./iso-session.ts"
import { acknowledgedIn, pushText } from "./push-text.ts"

const approved = "00"

/**
 * Downloads that are made in one turn of the event loop. Each costs up to a millisecond of
 * cryptography; a whole fleet that signs on at once must not hold up those who sell.
 */
const downloadsPerTurn = 8

/** A sign-on that waits for its keys. */
interface Wish {
  readonly session: IsoSession
  readonly spoken: Spoken
  readonly binding: Binding
  readonly masterKey: string
  readonly shape: WorkingKeyShape
  readonly path: string
}

export class Management {
  readonly #house: SessionHouseShape
  /** At most one a message that was taken and not answered. */
  readonly #wishes: Array<Wish> = []
  #next = 0
  #scheduled = false

  constructor(house: SessionHouseShape) {
    this.#house = house
  }

  take(session: IsoSession, spoken: Spoken, binding: Binding): void {
    switch (spoken.kind) {
      case "sign-on":
        this.#signOn(session, spoken, binding)
        break
      case "sign-off":
        binding.signedOn = false
        session.answer(spoken, approved, {}, undefined)
        session.signedOff(binding)
        break
      case "settlement":
      case "batch-upload":
        this.#settle(session, spoken, spoken.kind)
        break
      case "poll":
        this.#poll(session, spoken)
        break
      case "download":
        session.answer(spoken, approved, this.#download(spoken), undefined)
        break
      default:
        session.answer(spoken, approved, {}, undefined)
    }
  }

  #signOn(session: IsoSession, spoken: Spoken, binding: Binding): void {
    const { message, profile } = spoken
    const { signOnRates, time } = this.#house
    if (!signOnRates.take(profile.terminal, time.monotonicMs())) {
      session.refuse(spoken, "session-busy")
      return
    }
    const wanted = message.dialect.keyDownload(message)
    if (wanted === undefined) {
      this.#signedOn(session, spoken, binding)
      session.answer(spoken, approved, {}, undefined)
      return
    }
    const { masterKey } = profile
    if (masterKey === undefined) {
      session.refuse(spoken, "kind-forbidden")
      return
    }
    this.#wishes.push({ session, spoken, binding, masterKey, ...wanted })
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#house.time.defer(() => this.#fulfil())
  }

  #fulfil(): void {
    this.#scheduled = false
    const until = Math.min(this.#wishes.length, this.#next + downloadsPerTurn)
    while (this.#next < until) this.#issue(this.#wishes[this.#next++]!)
    if (this.#next < this.#wishes.length) {
      this.#schedule()
    } else {
      this.#wishes.length = 0
      this.#next = 0
    }
  }

  #issue({ binding, masterKey, path, session, shape, spoken }: Wish): void {
    if (!session.alive) {
      session.settled()
      return
    }
    this.#house.run(this.#house.security.issueWorkingKeys(masterKey, shape), (issued) => {
      if (typeof issued === "string") session.refuse(spoken, issued)
      else this.#keep(session, spoken, binding, issued, path)
    })
  }

  #keep(
    session: IsoSession,
    spoken: Spoken,
    binding: Binding,
    issued: WorkingKeys,
    path: string
  ): void {
    const { journal, keys, time } = this.#house
    const { terminal } = spoken.profile
    const state: TerminalState = {
      ...keys.state(terminal),
      keys: issued.blocks,
      keysChangedMs: time.wallMs()
    }
    const write: JournalWrite = { table: "terminals", key: terminal, value: state }
    // The keys that go are looked at first: a terminal that has not been heard yet has some too.
    keys.mac(terminal)
    journal.commit([write], [], (failure) => {
      if (failure !== undefined) {
        session.refuse(spoken, failure)
        return
      }
      keys.rotated(terminal, issued.blocks)
      session.room.audit("key-download", session.remote, terminal, spoken.profile.merchant)
      this.#signedOn(session, spoken, binding)
      session.answer(spoken, approved, { [path]: issued.download }, undefined)
    })
  }

  /** A sign-on proves a terminal only where its profile says that it does. */
  #signedOn(session: IsoSession, spoken: Spoken, binding: Binding): void {
    binding.signedOn = true
    if (spoken.profile.identity === "sign-on") session.prove(binding)
  }

  #settle(session: IsoSession, spoken: Spoken, kind: "settlement" | "batch-upload"): void {
    const { settle } = this.#house.hooks
    if (settle === undefined) {
      session.refuse(spoken, "kind-forbidden")
      return
    }
    const { message, profile } = spoken
    const request = {
      kind,
      terminal: profile.terminal,
      merchant: profile.merchant,
      profile,
      batch: message.role("batch"),
      message
    }
    settle(
      request,
      ({ response1987, values }) => session.answer(spoken, response1987, values, undefined)
    )
  }

  /**
   * The next block behind those that the terminal has: its request says how many as 1NN, nothing
   * is none. One digit stands in front of the block: 1 the only one, 2 more follow, 3 the last; 0
   * alone: there is none. (That China UnionPay's field 62 says it so is from memory.)
   */
  #download({ message, profile }: Spoken): Values {
    const set = this.#house.hooks.parameters?.(profile.group)
    const blocks = set?.blocks.get(message.text(set.by) ?? "")
    if (set === undefined || blocks === undefined) return {}
    const asked = Buffer.from(message.raw(set.path) ?? []).toString("latin1")
    const held = Number(/^1(\d\d)/.exec(asked)?.[1] ?? 0)
    const block = blocks[held]
    if (block === undefined) return { [set.path]: Buffer.from("0") }
    const mark = held + 1 < blocks.length ? "2" : held === 0 ? "1" : "3"
    return { [set.path]: Buffer.concat([Buffer.from(mark), block]) }
  }

  /** The field of a poll acknowledges; the field of its answer brings the next push. */
  #poll(session: IsoSession, spoken: Spoken): void {
    const { message, profile } = spoken
    const { pushPath } = message.dialect
    if (pushPath === undefined) {
      session.refuse(spoken, "kind-forbidden")
      return
    }
    const { pushes } = this.#house
    const acknowledged = acknowledgedIn(message.text(pushPath))
    if (acknowledged !== undefined) pushes.acknowledge(profile.terminal, acknowledged)
    const push = pushes.first(profile.terminal)
    const values = push === undefined ? {} : { [pushPath]: pushText(push) }
    session.answer(spoken, approved, values, undefined)
  }
}
