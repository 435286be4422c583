/**
 * Values by field path, in the order in which they were set; a later one wins. What is made for
 * every message is such a list: an object whose keys are numbers costs more than what is in it.
 */

import type { Values } from "./message.ts"

export type Value = string | Uint8Array

export class ValueList {
  readonly paths: Array<string> = []
  readonly values: Array<Value> = []

  set(path: string, value: Value): void {
    this.paths.push(path)
    this.values.push(value)
  }

  drop(path: string): void {
    for (let at = this.paths.indexOf(path); at >= 0; at = this.paths.indexOf(path)) {
      this.paths.splice(at, 1)
      this.values.splice(at, 1)
    }
  }

  /** All of these; undefined takes away what its place had. */
  take(others: Values | ValueList): void {
    if (others instanceof ValueList) {
      const { paths, values } = others
      for (let at = 0; at < paths.length; at++) this.set(paths[at]!, values[at]!)
      return
    }
    for (const path in others) {
      const value = others[path]
      if (value === undefined) this.drop(path)
      else this.set(path, value)
    }
  }

  get(path: string): Value | undefined {
    const at = this.paths.lastIndexOf(path)
    return at < 0 ? undefined : this.values[at]
  }

  /** Undefined also for a value that is bytes. */
  text(path: string | undefined): string | undefined {
    const value = path === undefined ? undefined : this.get(path)
    return typeof value === "string" ? value : undefined
  }

  clear(): void {
    this.paths.length = 0
    this.values.length = 0
  }
}
