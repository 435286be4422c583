/**
 * Conditions on a message, as a dialect file writes them:
 *
 *     when: { mti: "0200", "3": "00????", "60.1": ["22", "23"], "59.A3": present, "2": absent }
 *
 * All must hold; of a list one must. `?` is any character. `direction` is request or response.
 */

import { unitsOfText } from "./field-size.ts"
import { limitOf } from "./field-writer.ts"
import { type Access, find, type Layout } from "./layout.ts"
import { join, type SourceReader } from "./source-reader.ts"

/** Looks at a message through its index; `base` is where its body begins within `bytes`. */
export type Condition = (
  bytes: Uint8Array,
  base: number,
  index: Int32Array,
  mti: number
) => boolean

const always: Condition = () => true

/** What a condition asks of one path, for those who make messages that meet it. */
export interface Demand {
  readonly path: string
  readonly patterns: ReadonlyArray<string>
}

export function demandsFrom(
  reader: SourceReader,
  value: unknown,
  path: string
): ReadonlyArray<Demand> {
  return reader.entries(value, path).map(([key, wanted]) => {
    const patterns = reader.texts(wanted, join(path, key))
    if (patterns.length === 0) reader.fault(join(path, key), "asks for nothing")
    return { path: key, patterns }
  })
}

/** `below`: only fields under this number may be asked for. */
export function conditionFrom(
  reader: SourceReader,
  layout: Layout,
  value: unknown,
  path: string,
  below = Infinity
): Condition {
  const tests = demandsFrom(reader, value, path).map((demand) =>
    testOf(reader, layout, demand, join(path, demand.path), below)
  )
  if (tests.length === 0) return always
  if (tests.length === 1) return tests[0]!
  return (bytes, base, index, mti) => {
    for (const test of tests) if (!test(bytes, base, index, mti)) return false
    return true
  }
}

function testOf(
  reader: SourceReader,
  layout: Layout,
  demand: Demand,
  path: string,
  below: number
): Condition {
  if (demand.path === "direction") {
    const wanted = demand.patterns[0] === "response" ? 1 : 0
    if (!/^(?:request|response)$/.test(demand.patterns.join())) {
      reader.fault(path, "must be request or response")
    }
    return (_bytes, _base, _index, mti) => (Math.trunc(mti / 10) & 1) === wanted
  }
  const { patterns } = demand
  if (patterns.length > 1 && patterns.some((each) => each === "present" || each === "absent")) {
    reader.fault(path, "present and absent stand alone")
  }
  const matches = matcher(patterns)
  if (demand.path === "mti") {
    if (!patterns.every((each) => /^[0-9?]{4}$/.test(each))) {
      reader.fault(path, "must be 4 digits, of which ? is any")
    }
    return (_bytes, _base, _index, mti) => matches(mtiText(mti))
  }
  const access = layout.access(demand.path)
  if (access === undefined) {
    reader.fault(path, "names no field of the dialect")
    return always
  }
  if (access.field >= below) reader.fault(path, `must be a field before ${below}`)
  for (const pattern of patterns) {
    const size = sizeNeeded(access, pattern)
    if (size !== undefined) reader.fault(path, `${pattern} never is its value, which has ${size}`)
  }
  return presence(access, demand.patterns) ?? inPlace(access, demand.patterns) ??
    ((bytes, base, index, mti) => matches(access.text(bytes, base, index, mti)))
}

/** What size a value of one shape must have, where the pattern's is another. */
function sizeNeeded({ entry, shape }: Access, pattern: string): string | undefined {
  if (pattern === "present" || pattern === "absent") return undefined
  const { cases, enciphered } = entry
  const { encoding, fixed, max, min, overpunch } = shape
  if (cases.length + enciphered.length > 0 || overpunch || encoding === "gbk") return undefined
  const units = unitsOfText(shape, pattern)
  if (fixed >= 0) return units === fixed ? undefined : limitOf(shape)
  return units >= min && units <= max ? undefined : limitOf(shape)
}

/** A whole field of one shape, of characters or packed digits, is compared where it stands. */
function inPlace(access: Access, patterns: ReadonlyArray<string>): Condition | undefined {
  const { entry: { cases, enciphered, shape }, field, tail } = access
  const { encoding, fixed, type } = shape
  const packed = encoding === "bcd"
  const plain = packed
    ? type === "n" && !shape.unchecked
    : encoding === "ascii" && !shape.overpunch
  if (tail !== undefined || cases.length > 0 || enciphered.length > 0) return undefined
  if (fixed < 0 || !plain) return undefined
  const lead = packed && shape.fillLeft ? fixed & 1 : 0
  const fitting = patterns.filter((pattern) => pattern.length === fixed)
  return (bytes, base, index) => {
    const at = find(index, field)
    if (at === 0) return false
    const start = base + index[at + 1]!
    for (const pattern of fitting) if (stands(pattern, bytes, start, lead, packed)) return true
    return false
  }
}

/** Does the value that begins at `start` fit? `lead`: a half byte of fill comes first. */
function stands(
  pattern: string,
  bytes: Uint8Array,
  start: number,
  lead: number,
  packed: boolean
): boolean {
  for (let at = 0; at < pattern.length; at++) {
    const wanted = pattern.charCodeAt(at)
    if (wanted === anyCharacter) continue
    const place = at + lead
    const half = (bytes[start + (place >> 1)]! >> (place & 1 ? 0 : 4)) & 0x0f
    const character = packed ? half + 0x30 : bytes[start + at]
    if (character !== wanted) return false
  }
  return true
}

function presence(access: Access, patterns: ReadonlyArray<string>): Condition | undefined {
  if (patterns.length !== 1) return undefined
  if (patterns[0] === "present") {
    return (bytes, base, index, mti) => access.text(bytes, base, index, mti) !== undefined
  }
  if (patterns[0] !== "absent") return undefined
  return (bytes, base, index, mti) => access.text(bytes, base, index, mti) === undefined
}

/** Does a text fit one of the patterns? An absent one fits none. */
function matcher(
  patterns: ReadonlyArray<string>
): (text: string | undefined) => boolean {
  return (text) => {
    if (text === undefined) return false
    // A set would take longer: it looks for the text among all that the engine keeps but once.
    for (const pattern of patterns) if (fits(pattern, text)) return true
    return false
  }
}

const anyCharacter = "?".charCodeAt(0)

function fits(pattern: string, text: string): boolean {
  if (pattern.length !== text.length) return false
  for (let at = 0; at < pattern.length; at++) {
    const wanted = pattern.charCodeAt(at)
    if (wanted !== anyCharacter && wanted !== text.charCodeAt(at)) return false
  }
  return true
}

const mtiTexts: ReadonlyArray<string> = Array.from(
  { length: 10_000 },
  (_, mti) => String(mti).padStart(4, "0")
)

export function mtiText(mti: number): string {
  return mtiTexts[mti]!
}
