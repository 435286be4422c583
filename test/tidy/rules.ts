/**
 * The rules that look at one file at a time. Each takes files and returns its complaints as
 * `path:line: what is wrong`; an empty list is a tidy house.
 */

import { functionsIn } from "./functions.ts"
import { lineOf, type SourceFile } from "./source.ts"

export type Rule = (files: ReadonlyArray<SourceFile>) => Array<string>

const limits = { function: 70, file: 500, medianFile: 200, line: 100 }

const lineCount = (file: SourceFile): number => file.text.trimEnd().split("\n").length

export const functionLength: Rule = (files) =>
  files.flatMap((file) =>
    functionsIn(file)
      .filter((each) => each.lines > limits.function)
      .map((each) => `${file.path}:${each.line}: a function of ${each.lines} lines`)
  )

export const fileLength: Rule = (files) =>
  files
    .filter((file) => lineCount(file) > limits.file)
    .map((file) => `${file.path}: ${lineCount(file)} lines`)

export const medianLength: Rule = (files) => {
  const sizes = files.map(lineCount).sort((a, b) => a - b)
  const median = sizes[Math.floor(sizes.length / 2)] ?? 0
  return median < limits.medianFile ? [] : [`the median file has ${median} lines`]
}

export const lineLength: Rule = (files) =>
  files.flatMap((file) =>
    file.text.split("\n").flatMap((line, index) =>
      [...line].length > limits.line
        ? [`${file.path}:${index + 1}: ${[...line].length} columns`]
        : []
    )
  )

/** Finds each pattern in the files; `where` says in which of a file's texts. */
function search(
  where: "code" | "text",
  patterns: ReadonlyArray<readonly [RegExp, string]>
): Rule {
  return (files) =>
    files.flatMap((file) =>
      patterns.flatMap(([pattern, what]) =>
        [...file[where].matchAll(pattern)].map((match) =>
          `${file.path}:${lineOf(file[where], match.index)}: ${what}`
        )
      )
    )
}

const ambient: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bDate\.now\b/g, "the wall clock"],
  [/\bnew Date\(\s*\)/g, "the wall clock"],
  [/\bperformance\.(?:now|timeOrigin)\b/g, "the monotonic clock"],
  [/\bMath\.random\b/g, "chance"],
  [/\b(?:randomBytes|randomUUID|randomInt|randomFillSync|getRandomValues)\b/g, "chance"],
  [/(?<![.\w])(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/g, "a timer"],
  [/(?<![.\w])process\.\w+/g, "the process"],
  [/(?<![.\w])console\./g, "the console"]
]

/** Clock, chance, environment and console belong to the adapter files alone. */
export function ambientRule(adapters: Readonly<Record<string, string>>): Rule {
  const find = search("code", ambient)
  return (files) => {
    const faults = find(files.filter((file) => !(file.path in adapters)))
    for (const [path, reason] of Object.entries(adapters)) {
      const file = files.find((each) => each.path === path)
      if (reason.length < 10) faults.push(`${path}: an adapter needs its reason`)
      if (file === undefined) faults.push(`${path}: listed as an adapter, and not there`)
      else if (find([file]).length === 0) faults.push(`${path}: listed as an adapter without need`)
    }
    return faults
  }
}

const bannedWords = new Set(["util", "utils", "helper", "helpers", "common", "manager", "data"])
bannedWords.add("info").add("index").add("misc")

export const fileNames: Rule = (files) =>
  files.flatMap((file) => {
    const name = file.path.split("/").at(-1) ?? ""
    const stem = name.replace(/(\.test)?\.[a-z]+$/, "")
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem)) return [`${file.path}: not in kebab case`]
    const words = stem.split("-").filter((word) => bannedWords.has(word))
    return words.map((word) => `${file.path}: "${word}" says nothing in a name`)
  })

export const syntax: Rule = search("code", [
  [/\b(?:const\s+)?enum\s+\w+\s*\{/g, "an enum"],
  [/(?:^|\n)\s*(?:export\s+|declare\s+)*namespace\s+\w/g, "a namespace"],
  [
    /\bconstructor\s*\((?:[^(){}]*,)?\s*(?:private|public|protected|readonly)\s+\w/g,
    "a parameter property"
  ],
  [/(?:^|\n)\s*@\w+/g, "a decorator"]
])

export function defaultExportRule(allowed: Readonly<Record<string, string>>): Rule {
  const find = search("code", [[/\bexport\s+default\b|\bas\s+default\b/g, "a default export"]])
  return (files) => [
    ...find(files.filter((file) => !(file.path in allowed))),
    ...Object.keys(allowed)
      .filter((path) => find(files.filter((file) => file.path === path)).length === 0)
      .map((path) => `${path}: listed for a default export that it lacks`)
  ]
}

export const headers: Rule = (files) =>
  files
    .filter((file) => !/^(?:#![^\n]*\n)?\s*(?:\/\*\*[^/]|\/\/)/.test(file.text))
    .map((file) => `${file.path}:1: does not open with what it is`)

export const focusedTests: Rule = search("code", [
  [/\b(?:it|test|describe|layer)(?:\.\w+)*\.only\b/g, "a test that runs alone"]
])

export const unfinished: Rule = search("text", [
  [/\b(?:TODO|FIXME|XXX|HACK)\b/g, "unfinished work belongs in an issue"]
])

/** Whoever watches a log asks for a name; what belongs to it are its facts. */
export const eventNames: Rule = search("text", [
  [/\bEffect\.log[A-Z]\w*\(\s*(?:`|"(?![a-z]+(?:-[a-z]+)*"))/g, "a log event that is no name"]
])

export const controlCharacters: Rule = search("text", [
  // eslint-disable-next-line no-control-regex
  [/[\u0000-\u0009\u000b-\u001f\u007f\u200b\u2028\u2029\ufeff]/g, "a control character"]
])

export const machinePaths: Rule = search("text", [
  [/(?<![\w.:/~-])\/(?:home|root|Users|work|tmp|private|mnt)\/[\w.]/g, "a path of one machine"],
  [/\bregistry\.(?:npmjs|yarnpkg|npmmirror)\.\w+|"resolved": "http/g, "a registry's address"]
])

/** A document has one title, and it is its first heading. */
export const titles: Rule = (files) =>
  files.flatMap((file) => {
    const prose = file.text.replace(/^```[\s\S]*?^```/gm, "")
    const headings = [...prose.matchAll(/^(#+) /gm)].map((match) => match[1] ?? "")
    const titleCount = headings.filter((marks) => marks === "#").length
    if (titleCount !== 1) return [`${file.path}: ${titleCount} titles`]
    return headings[0] === "#" ? [] : [`${file.path}: its first heading is not its title`]
  })
