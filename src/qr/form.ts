/** Forms as Alipay and UnionPay sign and send them. */

/** `k=v&k=v`, sorted by name, values as they are; `leaveOut` and empty values do not appear. */
export function sortedPairs(
  parameters: Readonly<Record<string, string>>,
  leaveOut?: string
): string {
  return Object.keys(parameters)
    .filter((name) => name !== leaveOut && parameters[name] !== "")
    .sort()
    .map((name) => `${name}=${parameters[name]}`)
    .join("&")
}

/** `application/x-www-form-urlencoded`, sorted by name: space as `+`, other bytes as `%XX`. */
export function formBody(parameters: Readonly<Record<string, string>>): string {
  return Object.keys(parameters)
    .filter((name) => parameters[name] !== "")
    .sort()
    .map((name) => `${escape(name)}=${escape(parameters[name] ?? "")}`)
    .join("&")
}

function escape(text: string): string {
  return encodeURIComponent(text)
    .replaceAll("%20", "+")
    .replace(/[!'()*~]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** How deep an unencoded value may nest before the body is given up. */
const maxDepth = 32

/**
 * An answer of UnionPay's: `k=v&k=v`, not URL-encoded, split at the first `=` of each pair; a value
 * in braces or brackets is kept whole with every `&` inside. Undefined: not such a text, or a name
 * twice.
 */
export function parsePairs(text: string): Readonly<Record<string, string>> | undefined {
  const found: Record<string, string> = Object.create(null) as Record<string, string>
  let at = 0
  while (at < text.length) {
    const equals = text.indexOf("=", at)
    if (equals < 0) return undefined
    const end = endOfValue(text, equals + 1)
    const name = text.slice(at, equals)
    if (end < 0 || name === "" || name in found) return undefined
    found[name] = text.slice(equals + 1, end)
    at = end + 1
  }
  return found
}

function endOfValue(text: string, start: number): number {
  const first = text[start]
  if (first !== "{" && first !== "[") {
    const end = text.indexOf("&", start)
    return end < 0 ? text.length : end
  }
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const mark = text[at]
    if (mark === "{" || mark === "[") depth++
    else if (mark === "}" || mark === "]") depth--
    else if (mark === "&" && depth === 0) return at
    if (depth > maxDepth || depth < 0) return -1
  }
  return depth === 0 ? text.length : -1
}
