/** What the fuzzer once found, replayed for ever. */

import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { harm } from "./harm.ts"
import { dialect } from "./shipped.ts"

const folder = join(import.meta.dirname, "../corpus/iso8583/findings")
const files = existsSync(folder) ? readdirSync(folder) : []

it.each(files)("%s does no harm any more", (file) => {
  const finding = JSON.parse(readFileSync(join(folder, file), "utf8")) as {
    readonly dialect: string
    readonly body: string
  }
  const result = harm(dialect(finding.dialect), Buffer.from(finding.body, "hex"))
  expect([undefined, "accepted"]).toContain(result)
})

it("the judge sees harm where there is some", () => {
  const spoken = dialect("cup-pos")
  const torn = Object.create(spoken, { salvage: { value: () => JSON.parse("{") } })
  expect(harm(torn, Buffer.from("0200"))).toContain("throws")
})
