/**
 * Reads plain data of unknown shape piece by piece and keeps every mistake with its path. What must
 * hold: each method returns a value of its type whatever it is given, and notes a fault when the
 * value is made up; a place is blamed once.
 */

import type { SourceFault } from "../domain/source-fault.ts"

export class DescriptionReader {
  readonly faults: Array<SourceFault> = []

  fault(path: string, problem: string): void {
    if (this.faults.some((fault) => fault.path === path)) return
    this.faults.push({ path, problem })
  }

  /** For a value that has no default. */
  missing(path: string): 0 {
    this.fault(path, "is missing")
    return 0
  }

  /** An object with no other keys than these. */
  record(
    path: string,
    value: unknown,
    keys: ReadonlyArray<string>
  ): Readonly<Record<string, unknown>> {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.fault(path, "must be a mapping of keys to values")
      return {}
    }
    const record: Record<string, unknown> = Object.create(null)
    for (const [key, each] of Object.entries(value)) {
      if (keys.includes(key)) record[key] = each
      else this.fault(path === "" ? key : `${path}.${key}`, `unknown; known: ${keys.join(", ")}`)
    }
    return record
  }

  /** Absent is empty. */
  list(path: string, value: unknown, max: number): ReadonlyArray<unknown> {
    if (value === undefined) return []
    if (!Array.isArray(value)) {
      this.fault(path, "must be a list")
      return []
    }
    if (value.length > max) this.fault(path, `has more than ${max} entries`)
    return value.slice(0, max)
  }

  text(path: string, value: unknown): string {
    if (typeof value === "string" && /^[a-zA-Z0-9][\w -]{0,63}$/.test(value)) return value
    this.fault(path, "must be a name of letters, digits, spaces and dashes")
    return ""
  }

  integer(path: string, value: unknown, min: number, max: number): number {
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
      return value
    }
    this.fault(path, `must be a whole number from ${min} to ${max}`)
    return min
  }

  /** Absent is false. */
  boolean(path: string, value: unknown): boolean {
    if (value === undefined) return false
    if (typeof value === "boolean") return value
    this.fault(path, "must be true or false")
    return false
  }

  /** Absent is `fallback`, or a mistake where there is none. */
  oneOf<T extends string>(
    path: string,
    value: unknown,
    allowed: readonly [T, ...ReadonlyArray<T>],
    fallback?: T
  ): T {
    const found = allowed.find((each) => each === (value ?? fallback))
    if (found === undefined) this.fault(path, `must be one of ${allowed.join(", ")}`)
    return found ?? allowed[0]
  }

  /** Bytes written as hexadecimal text; absent is undefined. */
  hex(path: string, value: unknown, min: number, max: number): Buffer | undefined {
    if (value === undefined) return undefined
    // A file that does not quote `0000` gives a number, and the zeros are lost.
    const wanted = min === max ? `${min}` : `${min} to ${max}`
    if (typeof value === "string" && /^(?:[0-9a-fA-F]{2})*$/.test(value)) {
      const bytes = Buffer.from(value, "hex")
      if (bytes.length >= min && bytes.length <= max) return bytes
    }
    this.fault(path, `must be ${wanted} bytes as quoted hexadecimal text`)
    return undefined
  }
}
