/** Programmer errors. An invariant that fails is a defect: it throws, in production too. */

export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation"
}

export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message)
}

/** For the `default` of an exhaustive `switch`. */
export function unreachable(value: never): never {
  throw new InvariantViolation(`unreachable: ${String(value)}`)
}
