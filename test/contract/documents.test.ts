/** What the documents say by hand, held to the code: the table of states, the commands, the links. */

import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import { verbs } from "../../src/cli/verbs.ts"
import { transitions } from "../../src/domain/transaction.ts"
import { version } from "../../src/switch/version.ts"

const root = join(import.meta.dirname, "..", "..")
const read = (path: string) => readFileSync(join(root, path), "utf8")

const documents = [
  "README.md",
  "SECURITY.md",
  ...["concepts", "operate", "reference"].flatMap((folder) =>
    readdirSync(join(root, "docs", folder)).map((file) => `docs/${folder}/${file}`)
  )
]

describe("the documents", () => {
  it("show the table of states that the code has", () => {
    const rows = Object.entries(transitions).map(([from, to]) => `| ${from} | ${to.join(", ")} |`)
    const table = read("docs/concepts/road.md").split("\n").filter((line) => line.startsWith("| "))
    expect(table.slice(1)).toEqual(rows)
  })

  it("name only verbs and programs that are there", () => {
    const text = read("README.md")
    for (const [, verb = ""] of text.matchAll(/npx pointsman ([a-z]+)/g)) {
      expect(Object.keys(verbs)).toContain(verb)
    }
    for (const [, program = ""] of text.matchAll(/npm run bench -- ([a-z-]+)/g)) {
      expect(existsSync(join(root, "bench", `${program}.ts`)), program).toBe(true)
    }
  })

  it("link only to what is there", () => {
    for (const document of documents) {
      for (const [, target = ""] of read(document).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        expect(existsSync(join(root, dirname(document), target)), `${document}: ${target}`)
          .toBe(true)
      }
    }
  })

  it("are of the version that package.json has", () => {
    expect((JSON.parse(read("package.json")) as { version: string }).version).toBe(version)
  })
})
