/**
 * LMDB's file itself: looked at before LMDB maps it, because LMDB trusts what it finds and a
 * file that is cut off ends the process, and written out to its full size, because on a full disk
 * even a removal fails. Each of the first two pages (4096 bytes) begins with:
 *
 * ```
 *  24   4  magic 0xBEEFC0DE, little-endian as all that follows
 *  28   4  version of LMDB's format: 2
 * 144   8  number of the last page that is used
 * 152   8  number of the commit that wrote this page; the higher one of the two counts
 * ```
 */

import { closeSync, openSync, readSync, statSync } from "node:fs"
import { open } from "node:fs/promises"
import type { RefusalReason } from "./refusals.ts"
import { pageBytes } from "./write-ahead-log.ts"

const magic = 0xbeef_c0de
const lmdbVersion = 2
const zeroBytes = 4 * 1024 * 1024

/** Why LMDB must not open this file; undefined: it may. */
export function fileFault(file: string): RefusalReason | undefined {
  const { size } = statSync(file)
  if (size < 2 * pageBytes) return "corrupt"
  const bytes = Buffer.alloc(2 * pageBytes)
  const descriptor = openSync(file, "r")
  try {
    readSync(descriptor, bytes, 0, bytes.length, 0)
  } finally {
    closeSync(descriptor)
  }
  const pages = [bytes.subarray(0, pageBytes), bytes.subarray(pageBytes)]
  if (pages.some((page) => page.readUInt32LE(24) !== magic)) return "corrupt"
  if (pages.some((page) => page.readUInt32LE(28) > lmdbVersion)) return "newer-format"
  const [first = 0n, second = 0n] = pages.map((page) => page.readBigUInt64LE(152))
  const lastPage = pages[first > second ? 0 : 1]!.readBigUInt64LE(144)
  return Number(lastPage + 1n) * pageBytes > size ? "corrupt" : undefined
}

/** Writes zeros up to the full size, so that no later write needs a new block of the disk. */
export async function fill(file: string, bytes: number): Promise<void> {
  const handle = await open(file, "r+")
  try {
    const zeros = Buffer.alloc(zeroBytes)
    const { size } = await handle.stat()
    for (let at = size; at < bytes;) {
      // On a disk that is nearly full only a part is written; the next part then fails.
      at += (await handle.write(zeros, 0, Math.min(zeroBytes, bytes - at), at)).bytesWritten
    }
    if (size < bytes) await handle.sync()
  } finally {
    await handle.close()
  }
}
