/**
 * The memory of another process as a core dump would hold it: every mapping that is its own, read
 * where it lives, without a debugger. Files that it maps are left out, unless it may write to its
 * copy of them.
 */

import { closeSync, openSync, readFileSync, readSync } from "node:fs"

interface Mapping {
  readonly start: number
  readonly end: number
  /** `[heap]`, `[stack]`, a file, or nothing. */
  readonly name: string
  readonly rights: string
}

function mappingsOf(pid: number): ReadonlyArray<Mapping> {
  return readFileSync(`/proc/${pid}/maps`, "latin1").split("\n").flatMap((line) => {
    const found = /^([0-9a-f]+)-([0-9a-f]+) (r\S{3}) \S+ \S+ \d+ *(.*)$/.exec(line)
    if (found === null) return []
    const [, start = "", end = "", rights = "", name = ""] = found
    const own = !name.startsWith("/") || rights === "rw-p"
    if (!own || name.startsWith("[v")) return []
    return [{ start: Number(`0x${start}`), end: Number(`0x${end}`), name, rights }]
  })
}

const partBytes = 4 * 1024 * 1024

/** Hands out all of it in pieces that overlap by `overlap`, with where they stand. */
export function readMemory(
  pid: number,
  overlap: number,
  take: (part: Buffer, mapping: Mapping, at: number) => void
): void {
  const memory = openSync(`/proc/${pid}/mem`, "r")
  const room = Buffer.alloc(partBytes)
  try {
    for (const mapping of mappingsOf(pid)) {
      for (let at = mapping.start; at < mapping.end;) {
        const length = readAt(memory, room, Math.min(partBytes, mapping.end - at), at)
        if (length <= 0) break
        take(room.subarray(0, length), mapping, at)
        if (at + length >= mapping.end) break
        at += length - overlap
      }
    }
  } finally {
    closeSync(memory)
  }
}

/** A page that was reserved and never had cannot be read; nor can what was unmapped meanwhile. */
function readAt(file: number, room: Buffer, length: number, at: number): number {
  try {
    return readSync(file, room, 0, length, at)
  } catch {
    return 0
  }
}
