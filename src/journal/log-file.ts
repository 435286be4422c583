/**
 * The write-ahead log's file: one page that says what it is, then the ring, written out with zeros
 * when it is made. So a commit changes no length and no block of the disk, and one write through a
 * descriptor that syncs by itself (`O_DSYNC`: POSIX promises what `fdatasync` would) is one hop off
 * the main thread and durable when it returns. The first page, little-endian:
 *
 * ```
 *  0   8  "PMANWAL" and a line feed
 *  8   4  format: 1
 * 12   4  CRC-32 of what follows
 * 16  16  identity of the journal, as in the store that it belongs to
 * 32   8  bytes of the ring, float64
 * ```
 */

import {
  closeSync,
  constants,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  write,
  writeSync
} from "node:fs"
import { dirname } from "node:path"
import { crc32 } from "node:zlib"
import { syncFolder } from "../domain/synced-folder.ts"
import { fill } from "./lmdb-file.ts"
import type { LogDisk } from "./logged-groups.ts"
import type { RefusalReason } from "./refusals.ts"
import { identityBytes, pageBytes } from "./write-ahead-log.ts"

export const logFileName = "journal.wal"
const magic = Buffer.from("PMANWAL\n")
const logFormat = 1
const headerBytes = 40

/** A log that nothing was written to yet. It appears under its name when it is whole. */
export async function makeLog(
  file: string,
  identity: Uint8Array,
  ringBytes: number
): Promise<void> {
  const header = Buffer.alloc(pageBytes)
  header.set(magic)
  header.writeUInt32LE(logFormat, 8)
  header.set(identity, 16)
  header.writeDoubleLE(ringBytes, 32)
  header.writeUInt32LE(crc32(header.subarray(16, headerBytes)), 12)
  const made = `${file}.new`
  try {
    const descriptor = openSync(made, "w")
    writeSync(descriptor, header)
    closeSync(descriptor)
    await fill(made, pageBytes + ringBytes)
    renameSync(made, file)
    syncFolder(dirname(file))
  } catch (error) {
    rmSync(made, { force: true })
    throw error
  }
}

/** Why the log cannot be used with a store of this identity; undefined: it can. */
export function logFault(file: string, identity: Uint8Array): RefusalReason | undefined {
  const header = readFrom(file, 0, headerBytes)
  if (header.length < headerBytes || !header.subarray(0, 8).equals(magic)) return "corrupt"
  if (header.readUInt32LE(8) > logFormat) return "newer-format"
  if (header.readUInt32LE(12) !== crc32(header.subarray(16))) return "corrupt"
  if (header.compare(identity, 0, identityBytes, 16, 16 + identityBytes) !== 0) return "foreign"
  return statSync(file).size < pageBytes + header.readDoubleLE(32) ? "corrupt" : undefined
}

/** The whole ring of a log without a fault. */
export function readRing(file: string): Buffer {
  return readFrom(file, pageBytes, ringBytesOf(file))
}

function ringBytesOf(file: string): number {
  return readFrom(file, 0, headerBytes).readDoubleLE(32)
}

/** What is there of so many bytes. */
function readFrom(file: string, start: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  const descriptor = openSync(file, "r")
  try {
    let read = 0
    for (let more = 1; more > 0 && read < length; read += more) {
      more = readSync(descriptor, bytes, read, length - read, start + read)
    }
    return bytes.subarray(0, read)
  } finally {
    closeSync(descriptor)
  }
}

/** Of a log without a fault; `close` after the last write was told. */
export function openLog(file: string): LogDisk & { readonly close: () => void } {
  const descriptor = openSync(file, constants.O_RDWR | constants.O_DSYNC)
  return {
    ringBytes: ringBytesOf(file),
    write: (place, bytes, done) => {
      write(descriptor, bytes, 0, bytes.length, pageBytes + place, (error, written) => {
        // A write that came to less is as much in doubt as one that failed.
        done(error === null && written === bytes.length)
      })
    },
    close: () => closeSync(descriptor)
  }
}
