/** What a run has seen, for the next one: a line of JSON each, valid for the sources it names. */

import { createHash } from "node:crypto"
import { appendFileSync, existsSync, readFileSync } from "node:fs"

export class Memory {
  readonly #file: string | undefined
  readonly #sources: string
  readonly #known = new Map<string, string>()

  constructor(file: string | undefined, sources: string) {
    this.#file = file
    this.#sources = sources
    if (file === undefined || !existsSync(file)) return
    for (const line of readFileSync(file, "utf8").split("\n")) {
      const [key, how] = pairOf(line)
      if (key !== undefined && how !== undefined) this.#known.set(key, how)
    }
  }

  recall(what: string): string | undefined {
    return this.#known.get(this.#keyOf(what))
  }

  keep(what: string, how: string): void {
    const key = this.#keyOf(what)
    if (this.#file === undefined || this.#known.has(key)) return
    this.#known.set(key, how)
    appendFileSync(this.#file, `${JSON.stringify([key, how])}\n`)
  }

  #keyOf(what: string): string {
    return createHash("sha256").update(this.#sources).update(what).digest("hex")
  }
}

/** A line that was cut off says nothing. */
function pairOf(line: string): [key?: string, how?: string] {
  try {
    return JSON.parse(line) as [string, string]
  } catch {
    return []
  }
}
