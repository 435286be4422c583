/** A message that is sent again says so in its MTI, and is otherwise the same kind of message. */

import { readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { source } from "./shipped.ts"

interface Rules {
  readonly reversal?: { readonly repeatMti?: string }
  readonly kinds: ReadonlyArray<{ readonly kind: string; readonly mti: string | Array<string> }>
}

const names = readdirSync(join(import.meta.dirname, "../../config/dialects"))
  .map((file) => file.replace(".yaml", ""))

const request = /^.[12]00$/

describe("repeats", () => {
  it.each(names)("%s takes a repeat for what it repeats", (name) => {
    // The shipped dialects compile; other tests see to that.
    const { kinds, reversal } = source("dialects", name) as Rules
    if (reversal?.repeatMti === undefined) return
    for (const { kind, mti } of kinds) {
      const types = [mti].flat()
      for (const type of types.filter((each) => request.test(each))) {
        if (kind === "balance") continue
        expect(types, `${name} ${kind}`).toContain(`${type.slice(0, 3)}1`)
      }
    }
  })
})
