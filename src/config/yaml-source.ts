/**
 * One YAML file on its way to a configuration: its nodes, its plain values, and for every path the
 * line on which it stands, so that whoever finds a fault can say where. A file is parsed once and
 * never trusted: its syntax faults are collected like all others.
 */

import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml"
import type { ConfigFault } from "./loaded.ts"

/** Anchors that a file may use in all; a bomb of nested ones is refused. */
const maxAliases = 100

export class YamlSource {
  readonly file: string
  readonly faults: Array<ConfigFault> = []
  readonly #counter = new LineCounter()
  readonly #document: ReturnType<typeof parseDocument>

  constructor(file: string, text: string) {
    this.file = file
    this.#document = parseDocument(text, { lineCounter: this.#counter, prettyErrors: false })
    for (const error of [...this.#document.errors, ...this.#document.warnings]) {
      const line = this.#counter.linePos(error.pos[0]).line
      this.faults.push({ file, line, path: "", problem: error.message.split("\n")[0]! })
    }
  }

  /** The file's one document; undefined when it is empty. */
  get root(): Node | undefined {
    return this.#document.contents ?? undefined
  }

  /** The node itself, or what it is another name for. */
  resolve(node: Node): Node | undefined {
    return isAlias(node) ? node.resolve(this.#document) : node
  }

  /** Everything as plain values, for those who check it on their own. */
  plain(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: maxAliases })
    } catch {
      return this.fault("", "anchors and aliases multiply beyond what is allowed")
    }
  }

  /**
   * Line of a path such as `upstreams[1].breaker.openMs`, or of the nearest thing around it that is
   * in the file. Keys may have dots in them: the longest that fits is taken.
   */
  lineOf(path: string): number {
    let node = this.root
    let offset = node?.range?.[0] ?? 0
    for (let rest = path; node !== undefined && rest !== "";) {
      const step = isMap(node)
        ? intoMap(node.items, rest)
        : isSeq(node)
        ? intoList(node.items, rest)
        : undefined
      if (step === undefined) break
      offset = step.offset ?? offset
      rest = step.rest
      node = step.node === undefined ? undefined : this.resolve(step.node)
    }
    return this.#counter.linePos(offset).line
  }

  fault(path: string, problem: string): undefined {
    this.faults.push({ file: this.file, line: this.lineOf(path), path, problem })
    return undefined
  }
}

interface Step {
  readonly node: Node | undefined
  readonly offset: number | undefined
  readonly rest: string
}

function intoMap(
  items: ReadonlyArray<{ readonly key: unknown; readonly value: unknown }>,
  path: string
): Step | undefined {
  let found: Step | undefined
  let longest = 0
  for (const { key, value } of items) {
    const name = String(isScalar(key) ? key.value : key)
    const end = path[name.length]
    if (!path.startsWith(name) || end !== undefined && end !== "." && end !== "[") continue
    if (name.length < longest) continue
    longest = name.length
    const node = value === null ? undefined : value as Node
    const offset = (key as Node).range?.[0]
    found = { node, offset, rest: path.slice(end === "." ? longest + 1 : longest) }
  }
  return found
}

function intoList(items: ReadonlyArray<unknown>, path: string): Step | undefined {
  const match = /^\[(\d+)\]\.?/.exec(path)
  const node = match === null ? undefined : items[Number(match[1])] as Node | undefined
  if (match === null || node === undefined) return undefined
  return { node, offset: node.range?.[0], rest: path.slice(match[0].length) }
}
