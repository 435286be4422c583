/**
 * The import rule: stations meet only in `src/switch.ts`, pure rooms know no machine, shared rooms
 * know no station. Import statements are read as text.
 */

import { posix } from "node:path"
import { lineOf, type SourceFile } from "./source.ts"

interface Import {
  readonly specifier: string
  /** The file it names, from the root; undefined for packages and builtins. */
  readonly target: string | undefined
  readonly typeOnly: boolean
  readonly line: number
}

const patterns = [
  /(?:^|\n)[ \t]*(?:import|export)[ \t]+(type[ \t]+)?(?:[\w$*\s{},]+?)[ \t\n]+from[ \t\n]*["']([^"']+)["']/g,
  /(?:^|\n)[ \t]*import[ \t]+()["']([^"']+)["']/g,
  /\bimport\(\s*()["']([^"']+)["']/g,
  /\bnew URL\(\s*()["'](\.[^"']+\.ts)["']\s*,\s*import\.meta\.url/g
]

export function importsOf(file: SourceFile): Array<Import> {
  const found: Array<Import> = []
  for (const pattern of patterns) {
    for (const match of file.uncommented.matchAll(pattern)) {
      // A specifier inside a string of code that is only written about is not an import.
      const keyword = match.index + match[0].search(/import|export|new/)
      if (file.code.slice(keyword, keyword + 3).trim() === "") continue
      const specifier = match[2] ?? ""
      found.push({
        specifier,
        target: specifier.startsWith(".")
          ? posix.normalize(posix.join(posix.dirname(file.path), specifier))
          : undefined,
        typeOnly: match[1] !== undefined && match[1] !== "",
        line: lineOf(file.uncommented, keyword)
      })
    }
  }
  return found
}

const stations = [
  "listen",
  "codec",
  "session",
  "transaction",
  "route",
  "upstream",
  "advice",
  "notify",
  "journal",
  "ledger"
]
const pure = ["frame", "iso8583", "qr", "security"]
const shared = ["actor", "domain", "config", "observe"]
const faces = ["admin", "console", "simulate"]
/** `src/switch.ts` and the two pages behind it may see everybody. */
const rooms = new Set([...stations, ...pure, ...shared, ...faces, "cli", "switch"])

/** What a pure room may not touch: each is a way to the machine, its clock or its chance. */
const machine = [
  "node:fs",
  "node:net",
  "node:tls",
  "node:http",
  "node:https",
  "node:dgram",
  "node:child_process",
  "node:worker_threads",
  "node:timers",
  "node:os",
  "node:perf_hooks",
  "node:process",
  "piscina",
  "lmdb"
]

/** `src/listen/x.ts` → `listen`; files directly under `src` are their own room. */
function roomOf(path: string): string {
  const [, first = "", second] = path.split("/")
  return second === undefined ? first.replace(/\.ts$/, "") : first
}

function mayImport(from: string, to: string, target: string): boolean {
  if (from === to) return true
  if (from === "switch") return to !== "cli" && to !== "main"
  if (to === "main") return false
  if (pure.includes(from)) {
    return pure.includes(to) || to === "domain" || target === "src/config/limits.ts"
  }
  if (from === "main") return to === "cli"
  if (pure.includes(to) || shared.includes(to)) return true
  // A command may show one station's insides; that two stations meet in it is checked apart.
  return from === "cli" && to !== "main"
}

export function importRule(files: ReadonlyArray<SourceFile>): Array<string> {
  const faults: Array<string> = []
  for (const file of files) {
    if (!file.path.startsWith("src/")) continue
    const from = roomOf(file.path)
    if (file.path.split("/").length > 2 && !rooms.has(from)) {
      faults.push(`${file.path}: src/${from}/ is no room of the house`)
    }
    const met = new Set<string>()
    for (const each of importsOf(file)) {
      const where = `${file.path}:${each.line}`
      const builtin = machine.find((name) =>
        each.specifier === name || each.specifier.startsWith(`${name}/`)
      )
      if (pure.includes(from) && builtin !== undefined) {
        faults.push(`${where}: a pure room imports ${builtin}`)
      }
      if (each.target === undefined) continue
      if (!each.target.startsWith("src/")) faults.push(`${where}: imports ${each.target}`)
      const to = roomOf(each.target)
      if (!mayImport(from, to, each.target)) faults.push(`${where}: ${from} imports ${to}`)
      if (stations.includes(to)) met.add(to)
    }
    if (from === "cli" && met.size > 1) {
      faults.push(`${file.path}: stations meet outside src/switch.ts: ${[...met].join(", ")}`)
    }
  }
  return faults
}

/** Files that load each other in a circle. Types may; they are gone when the code runs. */
export function circleRule(files: ReadonlyArray<SourceFile>): Array<string> {
  const edges = new Map(files.map((file) => [
    file.path,
    importsOf(file).filter((each) => !each.typeOnly).flatMap((each) => each.target ?? [])
  ]))
  const faults: Array<string> = []
  const done = new Set<string>()
  const visit = (path: string, road: ReadonlyArray<string>): void => {
    const seen = road.indexOf(path)
    if (seen !== -1) {
      faults.push(`circle: ${[...road.slice(seen), path].join(" → ")}`)
      return
    }
    if (done.has(path)) return
    for (const next of edges.get(path) ?? []) visit(next, [...road, path])
    done.add(path)
  }
  for (const path of edges.keys()) visit(path, [])
  return faults
}

/**
 * Files under `src` that no file imports and that nothing starts. The contracts in `src/domain/`
 * may stand before those who use them.
 */
export function deadRule(
  files: ReadonlyArray<SourceFile>,
  entries: Readonly<Record<string, string>>
): Array<string> {
  const used = new Set(
    files.flatMap((file) => importsOf(file).flatMap((each) => each.target ?? []))
  )
  return files
    .filter(({ path }) => path.startsWith("src/") && !path.startsWith("src/domain/"))
    .filter(({ path }) => !used.has(path) && !(path in entries))
    .map(({ path }) => `${path}: nothing imports it`)
}
