/** What the documents say by hand, held to the code: the table of states, the commands, the links. */

import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import { verbs } from "../../src/cli/verbs.ts"
import { failures } from "../../src/domain/failures.ts"
import { transitions } from "../../src/domain/transaction.ts"
import { metricDefinitions, metricPrefix } from "../../src/observe/metrics.ts"
import { version } from "../../src/switch/version.ts"
import { readSources } from "../tidy/source.ts"

const root = join(import.meta.dirname, "..", "..")
const read = (path: string) => readFileSync(join(root, path), "utf8")

const documents = [
  "README.md",
  "SECURITY.md",
  ...["concepts", "operate", "reference"].flatMap((folder) =>
    readdirSync(join(root, "docs", folder), { withFileTypes: true })
      .filter((entry) => entry.isFile()).map(({ name }) => `docs/${folder}/${name}`)
  )
]

/** Headings as links name them. */
const anchorsOf = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading.toLowerCase().replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-")
  )

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

  it("link only to what is there, headings included", () => {
    for (const document of documents) {
      const links = read(document).matchAll(/\]\((?!https?:)([^)#]*)#?([^)]*)\)/g)
      for (const [, target = "", heading = ""] of links) {
        const path = target === "" ? document : join(dirname(document), target)
        expect(existsSync(join(root, path)), `${document}: ${target}`).toBe(true)
        if (heading !== "") expect(anchorsOf(read(path)), `${document}: ${path}`).toContain(heading)
      }
    }
  })

  it("are all found from the README", () => {
    const readme = read("README.md")
    for (const document of documents.slice(1)) expect(readme).toContain(`](${document})`)
  })

  it("name only metrics that are there", () => {
    const names = new Set(
      Object.entries(metricDefinitions).flatMap(([name, { type }]) =>
        type === "histogram"
          ? [`${metricPrefix}${name}`, `${metricPrefix}${name}_bucket`]
          : [`${metricPrefix}${name}`]
      )
    )
    const roles = /^pointsman_(?:reader|writer|operator)$/
    for (const document of documents) {
      const named = read(document).match(/\bpointsman_\w+/g) ?? []
      expect(named.filter((each) => !names.has(each) && !roles.test(each)), document).toEqual([])
    }
  })

  it("have no metric and no failure that nothing in the switch gives", () => {
    const declared = /^src\/(?:observe\/metrics|domain\/failures)\.ts$/
    const used = readSources(["src"], [".ts"]).filter(({ path }) => !declared.test(path))
      .map(({ uncommented }) => uncommented).join("\n")
    const words = new Set(used.match(/[\w-]+/g))
    for (const name of [...Object.keys(metricDefinitions), ...Object.keys(failures)]) {
      expect(words).toContain(name)
    }
  })

  it("are of the version that package.json has", () => {
    expect((JSON.parse(read("package.json")) as { version: string }).version).toBe(version)
  })
})
