/** Writes the golden messages and their twins anew: `node test/golden/regenerate.ts`. */

import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { dialect } from "../iso8583/shipped.ts"
import { folder, golden, goldenOf } from "./messages.ts"

mkdirSync(folder, { recursive: true })
for (const name of Object.keys(golden)) {
  const { hex, twin } = goldenOf(dialect(name))
  writeFileSync(join(folder, `${name}.hex`), hex)
  writeFileSync(join(folder, `${name}.txt`), twin)
}
