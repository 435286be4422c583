/**
 * The house keeps itself tidy: each rule is run over the sources, and each is shown to fail on a
 * file that breaks it. Read `test/tidy/exceptions.ts` for what is excused, and why.
 */

import { describe, expect, it } from "vitest"
import { adapters, defaultExports, entries } from "./tidy/exceptions.ts"
import { functionsIn } from "./tidy/functions.ts"
import { circleRule, deadRule, importRule, importsOf } from "./tidy/imports.ts"
import * as rules from "./tidy/rules.ts"
import { readSources, sourceOf } from "./tidy/source.ts"

const src = readSources(["src"], [".ts"])
const bench = readSources(["bench"], [".ts"])
const tests = readSources(["test"], [".ts"])
const scripts = readSources(["bin"], [".js"])
const documents = readSources(["README.md", "SECURITY.md", "docs"], [".md"])
const written = readSources(
  ["src", "bench", "test", "bin", "docs", "config", "README.md", "SECURITY.md", "Dockerfile"]
    .concat(["package.json", "package-lock.json", ".ci", ".npmrc"]),
  [".ts", ".js", ".md", ".yaml", ".yml", ".json", ".csv", ".sql", ".conf", ".service", ""]
).filter((file) => !file.path.startsWith("test/tidy"))

/** Before the stations are wired, those that wait for it are not dead. */
const wired = src.some((file) => file.path === "src/switch.ts")
const sized = [...src, ...bench]
const code = [...src, ...bench, ...tests, ...scripts]

describe("the sources", () => {
  const none: Array<string> = []
  const check = (name: string, faults: () => Array<string>): void =>
    it(name, () => expect(faults()).toEqual(none))

  check("let stations meet only in the switch", () => importRule(src))
  check("load each other in no circle", () => circleRule(src))
  check("hold no file that nothing uses", () => wired ? deadRule(code, entries) : none)
  check("have short functions", () => rules.functionLength(sized))
  check("have short files", () => rules.fileLength(sized))
  check("have a short median file", () => rules.medianLength(src))
  check("have short lines", () => rules.lineLength(sized))
  check("leave the machine to the adapters", () => rules.ambientRule(adapters)(src))
  check("have names that say something", () => rules.fileNames(code))
  check("use only syntax that can be erased", () => rules.syntax(code))
  check("have no default exports", () => rules.defaultExportRule(defaultExports)(code))
  check("open with what they are", () => rules.headers(code))
  check("leave no test running alone", () => rules.focusedTests(tests))
  check("leave nothing for later", () => rules.unfinished(written))
  check("log events by their names", () => rules.eventNames(src))
  check("hold no control characters", () => rules.controlCharacters(written))
  check("name no machine and no registry", () => rules.machinePaths(written))
  check("have one title a document", () => rules.titles(documents))
})

describe("the import rule", () => {
  const faults = (path: string, text: string): Array<string> => importRule([sourceOf(path, text)])

  it("refuses a station that imports another", () => {
    expect(faults("src/listen/a.ts", `import { b } from "../session/b.ts"`)).toHaveLength(1)
    expect(faults("src/listen/a.ts", `import type { B } from "../journal/b.ts"`)).toHaveLength(1)
    expect(faults("src/listen/a.ts", `export { b } from "../codec/b.ts"`)).toHaveLength(1)
    expect(faults("src/listen/a.ts", `import {\n  b,\n  c\n} from "../codec/b.ts"`)).toHaveLength(1)
    expect(faults("src/listen/a.ts", `await import("../codec/b.ts")`)).toHaveLength(1)
  })

  it("lets everybody use pure and shared rooms", () => {
    const text = `import { a } from "../frame/a.ts"\nimport { b } from "../domain/b.ts"\n`
    for (const room of ["listen", "admin", "simulate", "cli", "config"]) {
      expect(faults(`src/${room}/x.ts`, text)).toEqual([])
    }
  })

  it("keeps pure rooms from the machine and shared rooms from stations", () => {
    expect(faults("src/frame/a.ts", `import { readFile } from "node:fs/promises"`)).toHaveLength(1)
    expect(faults("src/frame/a.ts", `import { a } from "../observe/a.ts"`)).toHaveLength(1)
    expect(faults("src/domain/a.ts", `import { a } from "../session/a.ts"`)).toHaveLength(1)
  })

  it("refuses a command in which two stations meet, and a room nobody planned", () => {
    const text = `import { a } from "../ledger/a.ts"\nimport { b } from "../journal/b.ts"\n`
    expect(faults("src/cli/a.ts", text)).toHaveLength(1)
    expect(faults("src/extras/a.ts", "")).toHaveLength(1)
  })

  it("reads imports as code and not in comments or strings", () => {
    const text = `// import { a } from "../session/a.ts"\nconst b = 'import("../session/b.ts")'\n`
    expect(importsOf(sourceOf("src/listen/a.ts", text))).toEqual([])
  })

  it("finds circles and dead files", () => {
    const a = sourceOf("src/actor/a.ts", `import { b } from "./b.ts"`)
    const b = sourceOf("src/actor/b.ts", `import { a } from "./a.ts"`)
    const typed = sourceOf("src/actor/b.ts", `import type { a } from "./a.ts"`)
    expect(circleRule([a, b])).toHaveLength(1)
    expect(circleRule([a, typed])).toEqual([])
    expect(deadRule([a], {})).toHaveLength(1)
    expect(deadRule([a], { "src/actor/a.ts": "is started by hand" })).toEqual([])
    expect(deadRule([a, b], {})).toEqual([])
  })
})

describe("function length", () => {
  const lengths = (text: string): Array<number> =>
    functionsIn(sourceOf("src/actor/a.ts", text)).map((each) => each.lines)

  it("counts functions, generators, methods and arrows", () => {
    expect(lengths("function a(): { b: number } {\n  return { b: 1 }\n}")).toEqual([3])
    expect(lengths("const a = Effect.gen(function*() {\n  yield* b\n\n})")).toEqual([4])
    expect(lengths("class A {\n  #b(c: Array<string>): Map<string, number> {\n  }\n}")).toEqual([2])
    expect(lengths("const a = (b: string): string => {\n  return b\n}")).toEqual([3])
    expect(lengths("const a = () =>\n  pipe(\n    b,\n    c\n  )\nconst d = 1\n")).toEqual([5])
    expect(lengths("if (a) {\n}\nfor (const b of c) {\n}\n")).toEqual([])
  })

  it("is not misled by braces in strings, templates, comments and patterns", () => {
    const tricky = [
      "function a() {",
      "  const b = \"}\" + '{' + `}${c({ d: `{${e}` })}{`",
      "  // }",
      "  /* { */",
      "  return /[/}]{1,2}\\}/.test(b) ? b / 2 / 1 : 0",
      "}"
    ]
    expect(lengths(`${tricky.join("\n")}\nconst after = 1\n`)).toEqual([6])
  })

  it("refuses a function that is too long", () => {
    const long = `function a() {\n${"  b()\n".repeat(69)}}\n`
    expect(rules.functionLength([sourceOf("src/actor/a.ts", long)])).toHaveLength(1)
    const right = `function a() {\n${"  b()\n".repeat(68)}}\n`
    expect(rules.functionLength([sourceOf("src/actor/a.ts", right)])).toEqual([])
  })
})

describe("each rule can fail", () => {
  const breaks = (rule: rules.Rule, text: string, path = "src/actor/a.ts"): void =>
    expect(rule([sourceOf(path, text)])).not.toEqual([])
  const passes = (rule: rules.Rule, text: string, path = "src/actor/a.ts"): void =>
    expect(rule([sourceOf(path, text)])).toEqual([])

  it("sizes", () => {
    breaks(rules.fileLength, "a\n".repeat(501))
    breaks(rules.medianLength, "a\n".repeat(200))
    breaks(rules.lineLength, "a".repeat(101))
    passes(rules.lineLength, "ü".repeat(100))
  })

  it("ambient calls", () => {
    const rule = rules.ambientRule({})
    breaks(rule, "const a = Date.now()")
    breaks(rule, "const a = new Date()")
    breaks(rule, "const a = `${Math.random()}`")
    breaks(rule, "setTimeout(a, 1)")
    breaks(rule, "const a = process.env[\"B\"]")
    breaks(rule, "console.log(1)")
    breaks(rule, "import { randomBytes } from \"node:crypto\"")
    passes(rule, "// Date.now() is not read here\nconst a = new Date(1)")
    passes(rule, "const a = \"process.env\"\nclock.setTimeout(1)")
    const named = rules.ambientRule({ "src/actor/a.ts": "wraps the clock for everybody" })
    passes(named, "const a = Date.now()")
    breaks(named, "const a = 1")
  })

  it("names", () => {
    breaks(rules.fileNames, "", "src/actor/utils.ts")
    breaks(rules.fileNames, "", "src/actor/string-helpers.ts")
    breaks(rules.fileNames, "", "src/actor/timerWheel.ts")
    breaks(rules.fileNames, "", "src/actor/index.ts")
    passes(rules.fileNames, "", "src/actor/timer-wheel.test.ts")
  })

  it("log events", () => {
    breaks(rules.eventNames, "Effect.logError(`${name} is away`)")
    breaks(rules.eventNames, "Effect.logInfo(\"going on without it\")")
    passes(rules.eventNames, "Effect.logInfo(\"link-down\", { upstream })")
    passes(rules.eventNames, "Effect.logInfo(\n  \"recovered\",\n  found\n)")
    passes(rules.eventNames, "Effect.logInfo(event, { listener })")
  })

  it("syntax", () => {
    breaks(rules.syntax, "enum A { b }")
    breaks(rules.syntax, "namespace A {}")
    breaks(rules.syntax, "class A { constructor(private readonly b: string) {} }")
    passes(rules.syntax, "class A { constructor(a: { readonly b: string }) {} }")
    breaks(rules.defaultExportRule({}), "export default 1")
    breaks(rules.defaultExportRule({ "src/actor/a.ts": "a framework" }), "export const a = 1")
    passes(rules.syntax, "const enumerate = 1 // enum A {}")
  })

  it("texts", () => {
    breaks(rules.headers, "import a from \"b\"")
    passes(rules.headers, "#!/usr/bin/env node\n/** What it is. */")
    breaks(rules.focusedTests, "it.only(\"a\", () => {})")
    breaks(rules.focusedTests, "it.effect.only(\"a\", () => {})")
    breaks(rules.unfinished, "// TODO later")
    breaks(rules.controlCharacters, "a\tb")
    breaks(rules.controlCharacters, "a\u0007b")
    breaks(rules.machinePaths, "see /home/somebody/a.ts")
    breaks(rules.machinePaths, "get it from registry.npmjs.org")
    passes(rules.machinePaths, "https://example.org/home/page and ./tmp/a")
    breaks(rules.titles, "# One\n\n# Two\n", "docs/a.md")
    breaks(rules.titles, "## One\n\n# Two\n", "docs/a.md")
    passes(rules.titles, "# One\n\n```sh\n# comment\n```\n## Two\n", "docs/a.md")
  })
})
