/**
 * The objects of an EMVCo merchant code: text to a flat or nested list and back, without meaning.
 *
 *     +----+--------+----------------+----+--------+-----...
 *     | id | length | value          | id | length |
 *     +----+--------+----------------+----+--------+-----...
 *      2 digits  2 digits  `length` characters: not bytes, not UTF-16 units
 *
 * Must hold: an id appears once per level; nothing is left over; order is kept. EMVCo MPM 1.1 §3.
 */

import { type CodeFault, codeFault } from "./code-fault.ts"

export interface CodeObject {
  /** Two digits. */
  readonly id: string
  readonly value: string
  /** Present where the id is a template; `value` is then their text. */
  readonly children?: ReadonlyArray<CodeObject>
}

/** An object as it stood in a code. */
export interface ReadObject extends CodeObject {
  /** Characters before its id. */
  readonly at: number
  readonly children?: ReadonlyArray<ReadObject>
  /** Behind its last child stands something that is none. */
  readonly cut?: true
}

/** What could be read of a level, and everything that is wrong with it. */
interface ObjectsRead {
  readonly objects: ReadonlyArray<ReadObject>
  readonly faults: ReadonlyArray<CodeFault>
  /** False: behind the last object stands something that is none. */
  readonly whole: boolean
}

/** Ids whose values are lists of objects, by the path of the level above ("" = the code itself). */
export function isTemplate(above: string, id: string): boolean {
  const number = Number(id)
  if (above === "") {
    return (number >= 26 && number <= 51) || number === 62 || number === 64 || number >= 80
  }
  return above === "62" && number >= 50
}

/** `characters` are code points; `start` is only for places. */
export function readObjects(
  characters: ReadonlyArray<string>,
  above = "",
  start = 0
): ObjectsRead {
  const objects: Array<ReadObject> = []
  const faults: Array<CodeFault> = []
  const seen = new Set<string>()
  const ended = (path: string, offset: number, expected: string): ObjectsRead => {
    faults.push(codeFault(path, start + offset, expected))
    return { objects, faults, whole: false }
  }
  let at = 0
  while (at < characters.length) {
    const id = characters.slice(at, at + 2).join("")
    const path = above === "" ? id : `${above}.${id}`
    if (!/^[0-9]{2}$/.test(id)) return ended(above, at, "an id of two digits")
    if (seen.has(id)) faults.push(codeFault(path, start + at, "an id that was not there before"))
    seen.add(id)
    const length = characters.slice(at + 2, at + 4).join("")
    if (!/^[0-9]{2}$/.test(length) || length === "00") {
      return ended(path, at + 2, "a length of 01 to 99")
    }
    const from = at + 4
    const to = from + Number(length)
    if (to > characters.length) return ended(path, from, `a value of ${length} characters`)
    const inside = characters.slice(from, to)
    const object = { id, value: inside.join(""), at: start + at }
    if (isTemplate(above, id)) {
      const level = readObjects(inside, path, start + from)
      faults.push(...level.faults)
      objects.push({ ...object, children: level.objects, ...(level.whole ? {} : { cut: true }) })
    } else objects.push(object)
    at = to
  }
  return { objects, faults, whole: true }
}

/** Children, where there are any, are written instead of `value`. */
export function writeObjects(
  objects: ReadonlyArray<CodeObject>,
  above = ""
): string | CodeFault {
  let text = ""
  const seen = new Set<string>()
  for (const { children, id, value } of objects) {
    const path = above === "" ? id : `${above}.${id}`
    if (!/^[0-9]{2}$/.test(id)) return codeFault(path, text.length, "an id of two digits")
    if (seen.has(id)) return codeFault(path, text.length, "an id that was not there before")
    seen.add(id)
    const inside = children === undefined ? value : writeObjects(children, path)
    if (typeof inside !== "string") return inside
    const length = Array.from(inside).length
    if (length < 1 || length > 99) return codeFault(path, text.length, "1 to 99 characters")
    text += id + String(length).padStart(2, "0") + inside
  }
  return text
}
