/**
 * Files as the tidy rules see them: their text, and the same text with comments, strings and
 * regular expressions blanked out, character by character, so that offsets and lines stay true.
 */

import { readdirSync, readFileSync } from "node:fs"
import { dirname, extname, join, relative, sep } from "node:path"

export interface SourceFile {
  /** From the root, with slashes: `src/domain/pan.ts`. */
  readonly path: string
  readonly text: string
  /** Comments, string and template text, and regular expressions are spaces. */
  readonly code: string
  /** Only comments are spaces: for reading import specifiers. */
  readonly uncommented: string
}

const root = dirname(dirname(import.meta.dirname))

export function sourceOf(path: string, text: string): SourceFile {
  const script = [".ts", ".js"].includes(extname(path))
  const masks = script ? mask(text) : { code: text, uncommented: text }
  return { path, text, ...masks }
}

/** Every file with one of the extensions, below the folders or named themselves. */
export function readSources(
  places: ReadonlyArray<string>,
  extensions: ReadonlyArray<string>
): Array<SourceFile> {
  const paths: Array<string> = []
  for (const place of places) collect(join(root, place), paths)
  return paths
    .filter((path) => extensions.includes(extname(path)))
    .sort()
    .map((path) => sourceOf(relative(root, path).split(sep).join("/"), readFileSync(path, "utf8")))
}

const skipped = new Set(["node_modules", "corpus", "golden"])

function collect(path: string, paths: Array<string>): void {
  let entries
  try {
    entries = readdirSync(path, { withFileTypes: true })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === "ENOTDIR") paths.push(path)
    return
  }
  for (const entry of entries) {
    if (skipped.has(entry.name)) continue
    if (entry.isDirectory()) collect(join(path, entry.name), paths)
    else paths.push(join(path, entry.name))
  }
}

export function lineOf(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) {
    line += 1
  }
  return line
}

type Span = readonly [start: number, end: number, what: "comment" | "text"]

function mask(text: string): { readonly code: string; readonly uncommented: string } {
  const spans = new Scanner(text).spans()
  const blank = (which: ReadonlyArray<Span>): string => {
    let result = ""
    let from = 0
    for (const [start, end] of which) {
      result += text.slice(from, start) + text.slice(start, end).replace(/[^\n]/g, " ")
      from = end
    }
    return result + text.slice(from)
  }
  return {
    code: blank(spans),
    uncommented: blank(spans.filter(([, , what]) => what === "comment"))
  }
}

/** After one of these a slash begins a regular expression, not a division. */
const beforeRegExp =
  /(?:^|[=(,:;!&|?{}[+\-*%<>~^]|\b(?:return|typeof|case|in|of|yield|await|do|else))\s*$/

class Scanner {
  readonly #text: string
  readonly #spans: Array<Span> = []
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  spans(): ReadonlyArray<Span> {
    if (this.#text.startsWith("#!")) this.#to("\n", "comment", 0)
    this.#code(undefined)
    return this.#spans
  }

  /** Walks code until the closing brace of a template's hole, or to the end. */
  #code(close: "}" | undefined): void {
    let depth = 0
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at]
      const next = this.#text[this.#at + 1]
      if (char === "/" && next === "/") this.#to("\n", "comment", 0)
      else if (char === "/" && next === "*") this.#to("*/", "comment", 2)
      else if (char === "\"" || char === "'") this.#quoted(char)
      else if (char === "`") this.#template()
      else if (char === "/" && this.#startsRegExp()) this.#regExp()
      else {
        if (char === "{") depth += 1
        if (char === "}") {
          if (close !== undefined && depth === 0) return
          depth -= 1
        }
        this.#at += 1
      }
    }
  }

  #to(end: string, what: Span[2], include: number): void {
    const found = this.#text.indexOf(end, this.#at + include)
    const stop = found === -1 ? this.#text.length : found + include
    this.#spans.push([this.#at, stop, what])
    this.#at = stop
  }

  #quoted(quote: string): void {
    const start = this.#at
    this.#at += 1
    while (this.#at < this.#text.length && this.#text[this.#at] !== quote) {
      this.#at += this.#text[this.#at] === "\\" ? 2 : 1
    }
    this.#spans.push([start + 1, this.#at, "text"])
    this.#at += 1
  }

  #template(): void {
    this.#at += 1
    let start = this.#at
    while (this.#at < this.#text.length && this.#text[this.#at] !== "`") {
      if (this.#text[this.#at] === "\\") this.#at += 2
      else if (this.#text.startsWith("${", this.#at)) {
        this.#spans.push([start, this.#at, "text"])
        this.#at += 2
        this.#code("}")
        this.#at += 1
        start = this.#at
      } else this.#at += 1
    }
    this.#spans.push([start, this.#at, "text"])
    this.#at += 1
  }

  #startsRegExp(): boolean {
    // The code before, without the comments that stand there.
    const last = this.#spans.at(-1)
    const from = Math.max(0, this.#at - 80)
    const before = last !== undefined && last[2] === "comment" && last[1] > from
      ? this.#text.slice(from, Math.max(from, last[0])) + this.#text.slice(last[1], this.#at)
      : this.#text.slice(from, this.#at)
    return beforeRegExp.test(before)
  }

  #regExp(): void {
    const start = this.#at
    this.#at += 1
    let set = false
    while (this.#at < this.#text.length && (set || this.#text[this.#at] !== "/")) {
      const char = this.#text[this.#at]
      if (char === "[") set = true
      if (char === "]") set = false
      this.#at += char === "\\" ? 2 : 1
    }
    this.#spans.push([start + 1, this.#at, "text"])
    this.#at += 1
  }
}
