/**
 * Is a log fit to be read by machines and shown to people? Each line is one JSON object with a time
 * and an event, no terminal's text has become a line or a control sequence, and nothing in it could
 * be a card number.
 */

const shortestPan = 13
const longestPan = 19

/** What is wrong with it; `event`: a line that must be there. */
export function logFault(
  lines: ReadonlyArray<string>,
  event: string | undefined
): string | undefined {
  const events = new Set<string>()
  for (const line of lines) {
    const fields = objectIn(line)
    if (fields === undefined) return `a line is no JSON object: ${line}`
    if (typeof fields["time"] !== "string") return `a line has no time: ${line}`
    if (Array.from(line).some((each) => each < " ")) return `a control character is in ${line}`
    const texts = Object.values(fields).filter((value) => typeof value === "string")
    const pan = texts.flatMap((text) => text.match(/\d+/g) ?? []).find(isCardNumber)
    if (pan !== undefined) return "a card number is in the log"
    for (const name of ["event", "what", "reason"]) {
      if (typeof fields[name] === "string") events.add(fields[name])
    }
  }
  if (event === undefined || events.has(event)) return undefined
  return `it tells of ${[...events].join(", ")}`
}

function objectIn(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === "object" && value !== null
      ? value as Readonly<Record<string, unknown>>
      : undefined
  } catch {
    return undefined
  }
}

/** Length and Luhn. */
function isCardNumber(digits: string): boolean {
  if (digits.length < shortestPan || digits.length > longestPan) return false
  let sum = 0
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits[digits.length - 1 - index])
    const doubled = index % 2 === 0 ? digit : digit * 2
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}
