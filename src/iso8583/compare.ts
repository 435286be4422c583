/**
 * What differs between two messages, and a message carried into another dialect: the pure side
 * of the verbs `diff` and `convert`. Must hold: differences are found in clear values and shown
 * masked.
 */

import { describe, type Leaf, leaves, printable, type Row } from "./describe.ts"
import type { CompiledDialect } from "./dialect.ts"
import type { Mapping, MappingFault } from "./mapping.ts"
import { masked } from "./mask.ts"
import type { Message, Role, Values } from "./message.ts"

export interface Difference {
  readonly path: string
  readonly name: string
  /** Masked; undefined where the message has no such field. */
  readonly left: string | undefined
  readonly right: string | undefined
}

/** Fields and parts that differ, in the order of the left message, then what only the right has. */
export function diff(left: Message, right: Message): ReadonlyArray<Difference> {
  const found: Array<Difference> = []
  if (left.mti !== right.mti) {
    found.push({ path: "mti", name: "message type", left: left.mti, right: right.mti })
  }
  const there = new Map(leaves(right).map((leaf) => [leaf.path, leaf]))
  for (const leaf of leaves(left)) {
    const other = there.get(leaf.path)
    there.delete(leaf.path)
    if (other?.text === leaf.text) continue
    // Parts tell the difference of a whole.
    if (other !== undefined && leaf.hasParts && other.hasParts) continue
    found.push(differing(leaf, leaf, other))
  }
  for (const leaf of there.values()) found.push(differing(leaf, undefined, leaf))
  return found
}

function differing(leaf: Leaf, left: Leaf | undefined, right: Leaf | undefined): Difference {
  return { path: leaf.path, name: leaf.shape.name, left: shown(left), right: shown(right) }
}

function shown(leaf: Leaf | undefined): string | undefined {
  if (leaf === undefined) return undefined
  return leaf.hasParts ? "(parts)" : printable(masked(leaf.shape.mask, leaf.text))
}

export interface Conversion {
  readonly body: Buffer
  readonly rows: ReadonlyArray<Row>
  /** Paths of the source that did not cross: those whose value appears nowhere in the result. */
  readonly left: ReadonlyArray<string>
}

/** What the switch would stamp; here the message keeps its own. */
const stamped: ReadonlyArray<Role> = [
  "stan",
  "rrn",
  "transmissionTime",
  "localTime",
  "localDate",
  "acquirer",
  "batch"
]

export function convert(
  message: Message,
  to: CompiledDialect,
  mapping: Mapping
): Conversion | MappingFault {
  const stamp: Record<string, string | undefined> = {}
  for (const role of stamped) {
    const path = to.pathOf(role)
    if (path !== undefined) stamp[path] = message.role(role)
  }
  const body = mapping.forward(message, stamp as Values, false)
  if (!(body instanceof Uint8Array)) return body
  const there = to.read(body)
  if ("failure" in there) return { path: there.path, problem: `needs ${there.expected}` }
  const texts = new Set(leaves(there).map(({ text }) => text))
  const left = leaves(message).filter(({ depth, text }) => depth === 0 && !texts.has(text))
  return { body, rows: describe(there), left: left.map(({ path }) => path) }
}
