/**
 * Reading an upstream's answer: approved or not, in whose words, and whether it is an answer to
 * what was asked at all. An answer that contradicts its request is never delivered: money may have
 * moved under other terms, so the transaction is in doubt (fault U11).
 */

import type { Rrn } from "../domain/brand.ts"
import type { UpstreamAnswer } from "../domain/ports/upstream.ts"
import type { Mapping } from "../iso8583/mapping.ts"
import type { Dialect, Message, Role } from "../iso8583/message.ts"

/** A field that an upstream echoes and must not alter, with its path in the dialect. */
export interface Echo {
  readonly role: Role
  readonly path: string
}

/** What was asked, for comparing. */
export interface Asked {
  readonly message: Message
  readonly mapping: Mapping
  readonly partialApproval: boolean
  readonly echoes: ReadonlyArray<Echo>
}

/** Found once for each dialect. */
export function echoesOf(dialect: Dialect): ReadonlyArray<Echo> {
  const roles: ReadonlyArray<Role> = ["terminal", "merchant", "currency"]
  return roles.flatMap((role) => {
    const path = dialect.pathOf(role)
    return path === undefined ? [] : [{ role, path }]
  })
}

/** The answer to a request, or in words what contradicts it. */
export function judge(asked: Asked, answer: Message): UpstreamAnswer | string {
  for (const { path, role } of asked.echoes) {
    if (isAltered(asked.message, answer, path)) return `${role} altered`
  }
  const read = readAnswer(answer)
  if (typeof read === "string") return read
  const ours = asked.message.role("amount")
  const theirs = answer.role("amount")
  const { mapping } = asked
  // Within one dialect the terminal hears the very code.
  const response1987 = mapping.from === mapping.to
    ? answer.dialect.response1987(read.response)
    : read.response1987
  const whole = { ...read, response1987, values: mapping.back(answer) }
  if (ours === undefined || theirs === undefined || Number(ours) === Number(theirs)) return whole
  const minor = Number(theirs)
  const lessApproved = answer.dialect.partialApprovals.has(read.response) &&
    asked.partialApproval && minor > 0 && minor < Number(ours)
  if (!lessApproved) return "amount altered"
  const currency = asked.message.role("currency") ?? ""
  return { ...whole, approvedAmount: { minor, currency } }
}

/** The bytes are compared first, because they are nearly always the same. */
function isAltered(asked: Message, answer: Message, path: string): boolean {
  const ours = asked.raw(path)
  const theirs = answer.raw(path)
  if (ours === undefined || theirs === undefined || Buffer.compare(ours, theirs) === 0) return false
  return asked.text(path)?.trimEnd() !== answer.text(path)?.trimEnd()
}

/** An answer by itself, as a late one is read; in words what it lacks. */
export function readAnswer(answer: Message): UpstreamAnswer | string {
  const response = answer.role("response")
  if (response === undefined) return "no response code"
  const { dialect } = answer
  const authCode = answer.role("authCode")?.trimEnd()
  const rrn = answer.role("rrn")?.trimEnd()
  return {
    approved: isApproval(dialect, response),
    response,
    response1987: in1987(dialect, response),
    ...(authCode === undefined || authCode === "" ? {} : { authCode }),
    ...(rrn === undefined || rrn === "" ? {} : { rrn: rrn as Rrn })
  }
}

function isApproval(dialect: Dialect, response: string): boolean {
  return dialect.approvals.has(response) || dialect.partialApprovals.has(response)
}

/** What a code says that has no counterpart in ISO 8583:1987: "do not honour". */
const declined = "05"

/**
 * The upstream's code in the words of ISO 8583:1987. Codes that a dialect has beside them become a
 * plain approval or a plain decline, because another dialect would take them for something else.
 */
export function in1987(dialect: Dialect, response: string): string {
  if (dialect.partialApprovals.has(response)) return "10"
  if (dialect.approvals.has(response)) return "00"
  const code = dialect.response1987(response)
  return /^\d\d$/.test(code) ? code : declined
}
