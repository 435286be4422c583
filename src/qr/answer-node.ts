/**
 * Finds the signed node of an Alipay answer: the raw text of one member of the outer object, as it
 * was received. Re-serialising it would change `\/` and spacing, and the signature with them.
 *
 *   {"alipay_trade_pay_response":{ … },"sign":"…"}
 *                               └─ node ─┘
 */

interface AnswerNode {
  /** As received, from its first to its last character; a string with its quotes. */
  readonly node: string
  readonly sign: string
  /** `alipay_cert_sn`, empty where keys are used. */
  readonly certificate: string
}

/** Undefined: not such an object, the node missing or there twice, or no signature. */
export function answerNode(text: string, name: string): AnswerNode | undefined {
  const members = outerMembers(text)
  const node = members?.get(name)
  const sign = stringOf(members?.get("sign"))
  if (node === undefined || sign === undefined) return undefined
  return { node, sign, certificate: stringOf(members?.get("alipay_cert_sn")) ?? "" }
}

function stringOf(raw: string | undefined): string | undefined {
  if (raw === undefined || !raw.startsWith("\"")) return undefined
  try {
    return String(JSON.parse(raw))
  } catch {
    return undefined
  }
}

/** The raw text of every member of the outer object. */
function outerMembers(text: string): Map<string, string> | undefined {
  const found = new Map<string, string>()
  let at = skipSpace(text, 0)
  if (text[at] !== "{") return undefined
  at = skipSpace(text, at + 1)
  while (text[at] === "\"") {
    const nameEnd = endOfString(text, at)
    const name = nameEnd < 0 ? undefined : stringOf(text.slice(at, nameEnd))
    const colon = skipSpace(text, nameEnd)
    if (name === undefined || text[colon] !== ":") return undefined
    const start = skipSpace(text, colon + 1)
    const end = endOfValue(text, start)
    if (end < 0 || found.has(name)) return undefined
    found.set(name, text.slice(start, end).trimEnd())
    at = skipSpace(text, end)
    if (text[at] === "}") return found
    if (text[at] !== ",") return undefined
    at = skipSpace(text, at + 1)
  }
  return undefined
}

function skipSpace(text: string, at: number): number {
  let next = at
  while (next >= 0 && next < text.length && /\s/.test(text[next] ?? "")) next++
  return next
}

/** Behind the closing quote; -1 when there is none. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++
    else if (text[at] === "\"") return at + 1
  }
  return -1
}

/** Behind a value; braces inside strings do not count. */
function endOfValue(text: string, start: number): number {
  let depth = 0
  let at = start
  while (at < text.length) {
    const mark = text[at]
    if (mark === "\"") {
      at = endOfString(text, at)
      if (at < 0) return -1
      if (depth === 0) return at
      continue
    }
    if (mark === "{" || mark === "[") depth++
    else if (mark === "}" || mark === "]") {
      if (depth === 0) return at
      if (--depth === 0) return at + 1
    } else if (mark === "," && depth === 0) return at
    at++
  }
  return -1
}
