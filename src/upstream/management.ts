/** A management message of our own (sign-on, sign-off, echo) that waits for its answer. */

import type { Timer } from "../actor/timer-wheel.ts"
import type { Message } from "../iso8583/message.ts"
import type { Waiting } from "./correlation.ts"
import type { ManagementEnd } from "./link-host.ts"

export class Management implements Waiting {
  readonly key: number
  readonly link: number
  /** A late answer to it concerns nobody. */
  readonly transaction = ""
  readonly sentMs: number
  sequence: number
  timer: Timer | undefined
  readonly #ended: (how: ManagementEnd, management: Management) => void

  constructor(
    key: number,
    link: number,
    sequence: number,
    sentMs: number,
    ended: (how: ManagementEnd, management: Management) => void
  ) {
    this.key = key
    this.link = link
    this.sequence = sequence
    this.sentMs = sentMs
    this.#ended = ended
  }

  answered(message: Message): void {
    const accepted = message.dialect.approvals.has(message.role("response") ?? "")
    this.#ended(accepted ? "accepted" : "refused", this)
  }

  failed(how: "unwritten" | "timed-out" | "lost", stalled: boolean): void {
    if (how !== "timed-out") this.#ended("gone", this)
    else this.#ended(stalled ? "unjudged" : "silent", this)
  }
}
