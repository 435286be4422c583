/**
 * Reads plain data (parsed YAML or JSON) whose shape nobody vouches for, and collects every mistake
 * with its path. Must hold: no key is overlooked, nothing is thrown, a prototype is never touched.
 */

import type { SourceFault } from "../domain/source-fault.ts"

export type Source = Readonly<Record<string, unknown>>

export class SourceReader {
  readonly faults: Array<SourceFault> = []

  /** A definition that others build on is read for each of them, and blamed once. */
  fault(path: string, problem: string): void {
    if (this.faults.some((each) => each.path === path && each.problem === problem)) return
    this.faults.push({ path, problem })
  }

  /** The value as a record of own keys; an empty one and a fault when it is something else. */
  record(value: unknown, path: string): Source {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Source
    }
    this.fault(path, value === undefined ? "is missing" : "must be a map")
    return {}
  }

  /** Entries of an optional map, in order. */
  entries(value: unknown, path: string): ReadonlyArray<readonly [string, unknown]> {
    return value === undefined ? [] : Object.entries(this.record(value, path))
  }

  list(value: unknown, path: string): ReadonlyArray<unknown> {
    if (value === undefined) return []
    if (Array.isArray(value)) return value
    this.fault(path, "must be a list")
    return []
  }

  /** Complains of every key that is not in `known`. */
  known(source: Source, known: ReadonlySet<string>, path: string): void {
    for (const key of Object.keys(source)) {
      if (!known.has(key)) this.fault(join(path, key), "is not a known key")
    }
  }

  text(source: Source, key: string, path: string): string | undefined {
    const value = own(source, key)
    if (value === undefined || typeof value === "string") return value
    this.fault(join(path, key), "must be text; put numbers with leading zeros in quotes")
    return undefined
  }

  flag(source: Source, key: string, path: string): boolean {
    const value = own(source, key)
    if (value === undefined || typeof value === "boolean") return value ?? false
    this.fault(join(path, key), "must be true or false")
    return false
  }

  integer(
    source: Source,
    key: string,
    path: string,
    least: number,
    most: number
  ): number | undefined {
    const value = own(source, key)
    if (value === undefined) return undefined
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) {
      return value as number
    }
    this.fault(join(path, key), `must be a whole number from ${least} to ${most}`)
    return undefined
  }

  oneOf<const T extends string>(
    source: Source,
    key: string,
    path: string,
    words: ReadonlyArray<T>
  ): T | undefined {
    const value = own(source, key)
    if (value === undefined) return undefined
    const word = words.find((each) => each === value)
    if (word === undefined) this.fault(join(path, key), `must be one of ${words.join(", ")}`)
    return word
  }

  /** `cut: [0, 4]`: which characters of a text are meant. */
  cut(source: Source, path: string): readonly [number, number] | undefined {
    const value = own(source, "cut")
    if (value === undefined) return undefined
    if (Array.isArray(value) && value.length === 2 && value.every(Number.isInteger)) {
      return [value[0], value[1]]
    }
    this.fault(join(path, "cut"), "must be two whole numbers")
    return undefined
  }

  /** A list of texts; a single text counts as a list of one. */
  texts(value: unknown, path: string): ReadonlyArray<string> {
    if (typeof value === "string") return [value]
    return this.list(value, path).flatMap((each, index) => {
      if (typeof each === "string") return [each]
      this.fault(`${path}[${index}]`, "must be text; put numbers in quotes")
      return []
    })
  }
}

export function own(source: Source, key: string): unknown {
  return Object.hasOwn(source, key) ? source[key] : undefined
}

export function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`
}
