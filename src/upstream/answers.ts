/**
 * Reading an upstream's answer: approved or not, in whose words, and whether it is an answer to
 * what was asked at all. An answer that contradicts its request is never delivered: money may have
 * moved under other terms, so the transaction is in doubt (fault U11).
 */

import type { Rrn } from "../domain/brand.ts"
import type { Draft } from "../domain/draft.ts"
import type { UpstreamAnswer } from "../domain/ports/upstream.ts"
import { find, plainField } from "../iso8583/layout.ts"
import type { Mapping } from "../iso8583/mapping.ts"
import type { Dialect, Message, Role } from "../iso8583/message.ts"

/** A field that an upstream echoes and must not alter, with its path in the dialect. */
export interface Echo {
  readonly role: Role
  readonly path: string
  /** 0 where the path is a part of one. */
  readonly field: number
}

/** What was asked, for comparing. */
export interface Asked {
  readonly message: Message
  readonly mapping: Mapping
  readonly partialApproval: boolean
}

/** Found once for each dialect. */
export function echoesOf(dialect: Dialect): ReadonlyArray<Echo> {
  const roles: ReadonlyArray<Role> = ["terminal", "merchant", "currency"]
  return roles.flatMap((role) => {
    const path = dialect.pathOf(role)
    return path === undefined ? [] : [{ role, path, field: plainField(path) }]
  })
}

/** The answer to a request, or in words what contradicts it. */
export function judge(
  asked: Asked,
  echoes: ReadonlyArray<Echo>,
  answer: Message
): UpstreamAnswer | string {
  for (const echo of echoes) {
    if (isAltered(asked.message, answer, echo)) return `${echo.role} altered`
  }
  const { mapping } = asked
  const read = readAnswer(answer, mapping.from === mapping.to)
  if (typeof read === "string") return read
  read.values = mapping.back(answer)
  const ours = asked.message.role("amount")
  const theirs = answer.role("amount")
  const partial = answer.dialect.partialApprovals.has(read.response)
  // Approved in part, and nobody can say which part.
  if (partial && ours !== undefined && theirs === undefined) return "approved amount missing"
  if (ours === undefined || theirs === undefined || ours === theirs) return read
  if (Number(ours) === Number(theirs)) return read
  const minor = Number(theirs)
  const lessApproved = partial && asked.partialApproval && minor > 0 && minor < Number(ours)
  if (!lessApproved) return "amount altered"
  read.approvedAmount = { minor, currency: asked.message.role("currency") ?? "" }
  return read
}

/** The bytes are compared first, because they are nearly always the same. */
function isAltered(asked: Message, answer: Message, { field, path }: Echo): boolean {
  if (field > 0 && isSame(asked, answer, field)) return false
  const ours = asked.text(path)
  const theirs = answer.text(path)
  return ours !== undefined && theirs !== undefined && ours.trimEnd() !== theirs.trimEnd()
}

/** Do both have the field, and the same bytes in it? */
function isSame(asked: Message, answer: Message, field: number): boolean {
  const ours = find(asked.index, field)
  const theirs = find(answer.index, field)
  if (ours === 0 || theirs === 0) return false
  const start = asked.index[ours + 1]!
  const length = asked.index[ours + 2]! - start
  const other = answer.index[theirs + 1]!
  if (answer.index[theirs + 2]! - other !== length) return false
  for (let at = 0; at < length; at++) {
    if (asked.bytes[start + at] !== answer.bytes[other + at]) return false
  }
  return true
}

/**
 * An answer by itself, as a late one is read; in words what it lacks. `within`: the terminal speaks
 * the same dialect, and hears the very code.
 */
export function readAnswer(answer: Message, within = false): Draft<UpstreamAnswer> | string {
  const response = answer.role("response")
  if (response === undefined) return "no response code"
  const { dialect } = answer
  const authCode = answer.role("authCode")?.trimEnd()
  const rrn = answer.role("rrn")?.trimEnd()
  const read: Draft<UpstreamAnswer> = {
    approved: isApproval(dialect, response),
    response,
    response1987: within ? dialect.response1987(response) : in1987(dialect, response)
  }
  if (authCode !== undefined && authCode !== "") read.authCode = authCode
  if (rrn !== undefined && rrn !== "") read.rrn = rrn as Rrn
  return read
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
function in1987(dialect: Dialect, response: string): string {
  if (dialect.partialApprovals.has(response)) return "10"
  if (dialect.approvals.has(response)) return "00"
  const code = dialect.response1987(response)
  return /^\d\d$/.test(code) ? code : declined
}
