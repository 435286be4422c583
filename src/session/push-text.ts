/**
 * A push as one line of text, for dialects that carry it in a field of an answer:
 *
 *   sequence=12;amount=100;order=20261126001
 *
 * What must hold: the sequence comes first, so that a repeat is recognisable; a value cannot forge
 * another pair.
 */

import type { PushRecord } from "../domain/order.ts"

export function pushText(push: PushRecord): string {
  const pairs = Object.entries(push.body).map(([key, value]) => `${plain(key)}=${plain(value)}`)
  return [`sequence=${push.sequence}`, ...pairs].join(";")
}

/** The sequence that a poll acknowledges; undefined when it acknowledges none. */
export function acknowledgedIn(text: string | undefined): number | undefined {
  const digits = /^(?:sequence=)?(\d{1,10})\s*$/.exec(text ?? "")?.[1]
  return digits === undefined ? undefined : Number(digits)
}

function plain(value: string | number | boolean): string {
  return String(value).replace(/[;=\r\n]/g, " ")
}
