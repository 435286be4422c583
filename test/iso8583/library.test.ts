/** The codec as a library: the program in its page runs as it stands, and pulls in little. */

import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { pathToFileURL } from "node:url"
import { describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "../..")
const page = readFileSync(join(root, "docs/concepts/codec.md"), "utf8")

function block(language: string): string {
  return new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(page)?.[1] ?? ""
}

/** Files that a program pulls in, and packages. */
function closure(files: ReadonlyArray<string>): { files: Set<string>; packages: Set<string> } {
  const seen = { files: new Set<string>(), packages: new Set<string>() }
  const open = [...files]
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (seen.files.has(file)) continue
    seen.files.add(file)
    // Types alone are gone when the program runs.
    const text = readFileSync(file, "utf8").replaceAll(/^import type [^]*? from "[^"]+"$/gm, "")
    for (const [, from = ""] of text.matchAll(/ from "([^"]+)"/g)) {
      if (from.startsWith(".")) open.push(join(dirname(file), from))
      else seen.packages.add(from)
    }
  }
  return seen
}

describe("the codec's page", () => {
  it("has a program that runs and prints what the page says", () => {
    const folder = mkdtempSync(join(tmpdir(), "pointsman-codec-"))
    try {
      const file = join(folder, "example.ts")
      const source = pathToFileURL(join(root, "src")).href
      writeFileSync(file, block("ts").replaceAll("../../src", source))
      const ended = spawnSync(process.execPath, [file], { encoding: "utf8" })
      expect(ended.stderr).toBe("")
      expect(ended.stdout).toBe(block("text"))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it("names only what is there", () => {
    for (const [, name = ""] of page.matchAll(/`(?:[a-z]+\.)?([a-z][A-Za-z0-9]+)\(/g)) {
      const found = closure([
        "compile",
        "describe",
        "document",
        "compile-mapping",
        "doctor",
        "import-jpos",
        "import-moov"
      ].map((each) => join(root, "src/iso8583", `${each}.ts`)))
      const texts = [...found.files].map((file) => readFileSync(file, "utf8"))
      const declared = new RegExp(`^(?:export function| ) ${name}\\(`, "m")
      expect([name, texts.some((text) => declared.test(text))]).toEqual([name, true])
    }
  })

  it("pulls in its own folder, the domain's words and code formats, and no package", () => {
    const starts = [...block("ts").matchAll(/"\.\.\/\.\.\/(src[^"]+)"/g)]
    const found = closure(starts.map(([, path = ""]) => join(root, path)))
    const folders = new Set(
      [...found.files].map((file) => relative(join(root, "src"), file).split("/")[0])
    )
    expect([...folders].sort()).toEqual(["domain", "iso8583", "qr"])
    expect([...found.packages]).toEqual([])
  })
})
