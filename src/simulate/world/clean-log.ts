/**
 * Is a log fit to be read by machines and shown to people? Each line is one JSON object with a time
 * and an event, no terminal's text has become a line or a control sequence, and nothing in it could
 * be a card number.
 */

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
    // Also within keys, lists and numbers.
    if ((line.match(/\d{13,}/g) ?? []).some(mayHoldCard)) return "a card number is in the log"
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

/** Luhn; what is longer than a card number may have one in it. Times in ms have 13 digits, a 1. */
function mayHoldCard(digits: string): boolean {
  if (digits.length > longestPan) return true
  if (digits.length === 13 && digits.startsWith("1")) return false
  let sum = 0
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits[digits.length - 1 - index])
    const doubled = index % 2 === 0 ? digit : digit * 2
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}
