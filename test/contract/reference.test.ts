/** The generated reference is what the code says now: `npm run docs` writes it. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { documents } from "../../docs/generate.ts"

const root = join(import.meta.dirname, "..", "..")

describe("the reference", async () => {
  for (const [path, text] of await documents()) {
    it(`has an up-to-date ${path} (npm run docs)`, () => {
      expect(readFileSync(join(root, path), "utf8")).toBe(text)
    })
  }
})
