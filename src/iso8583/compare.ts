/**
 * What differs between two messages, and a message carried into another dialect: the pure side
 * of the verbs `diff` and `convert`. Must hold: differences are found in clear values and shown
 * masked.
 */

import { describe, type Leaf, leaves, type Row, seen } from "./describe.ts"
import type { CompiledDialect } from "./dialect.ts"
import type { Mapping, MappingFault } from "./mapping.ts"
import type { Message, Role } from "./message.ts"

interface Difference {
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
    if (other === undefined) found.push(differing(leaf, leaf, undefined))
    else if (leaf.text !== other.text || !sameBytes(left, leaf, right, other)) {
      found.push(differing(leaf, leaf, other))
    }
  }
  for (const leaf of there.values()) found.push(differing(leaf, undefined, leaf))
  // Parts tell the difference of a whole; where none does, they stand in another order or form.
  const wholes = new Set<string>()
  for (const { path } of found) {
    for (let dot = path.lastIndexOf("."); dot > 0; dot = path.lastIndexOf(".", dot - 1)) {
      wholes.add(path.slice(0, dot))
    }
  }
  return found.filter(({ path }) => !wholes.has(path))
}

/** Two values may read the same and have been sent differently: another fill, small letters. */
function sameBytes(left: Message, leaf: Leaf, right: Message, other: Leaf): boolean {
  if (leaf.length < 0 || other.length < 0) return leaf.length === other.length
  const [from, to] = [leaf.offset, other.offset]
  return Buffer.compare(
    left.bytes.subarray(from, from + leaf.length),
    right.bytes.subarray(to, to + other.length)
  ) === 0
}

function differing(leaf: Leaf, left: Leaf | undefined, right: Leaf | undefined): Difference {
  return { path: leaf.path, name: leaf.shape.name, left: side(left), right: side(right) }
}

function side(leaf: Leaf | undefined): string | undefined {
  return leaf?.hasParts === true ? "(parts)" : leaf && seen(leaf)
}

interface Conversion {
  readonly body: Buffer
  readonly rows: ReadonlyArray<Row>
  /** Paths of the source that did not cross: those whose value appears nowhere in the result. */
  readonly left: ReadonlyArray<string>
}

/** What the switch would stamp; here the message keeps its own, or `set` gives it. */
const stamped: ReadonlyArray<Role> = [
  "stan",
  "rrn",
  "transmissionTime",
  "localTime",
  "localDate",
  "acquirer",
  "forwarder",
  "merchantName",
  "batch"
]

export function convert(
  message: Message,
  to: CompiledDialect,
  mapping: Mapping,
  set: Readonly<Record<string, string>> = {}
): Conversion | MappingFault {
  const stamp: Record<string, string | undefined> = {}
  for (const role of stamped) {
    const path = to.pathOf(role)
    if (path !== undefined) stamp[path] = message.role(role)
  }
  const body = mapping.forward(message, { ...stamp, ...set }, false)
  if (!(body instanceof Uint8Array)) return body
  const there = to.read(body)
  if ("failure" in there) return { path: there.path, problem: `needs ${there.expected}` }
  const texts = new Set(leaves(there).map(({ text }) => text))
  const left = leaves(message).filter(({ depth, text }) => depth === 0 && !texts.has(text))
  return { body, rows: describe(there), left: left.map(({ path }) => path) }
}
