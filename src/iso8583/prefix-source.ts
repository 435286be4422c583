/** A length prefix as a dialect file declares it: `{ width: 2, encoding: bcd, counts: bytes }`. */

import { type LengthPrefix, prefixBytes, prefixEncodings, prefixUnits } from "./length-prefix.ts"
import { join, own, type SourceReader } from "./source-reader.ts"

const prefixKeys: ReadonlySet<string> = new Set(["width", "encoding", "counts"])

export function prefixFrom(reader: SourceReader, value: unknown, path: string): LengthPrefix {
  const map = reader.record(value, path)
  reader.known(map, prefixKeys, path)
  const encoding = reader.oneOf(map, "encoding", path, prefixEncodings) ?? "ascii"
  const width = reader.integer(map, "width", path, 1, 6)
  if (own(map, "width") === undefined) reader.fault(join(path, "width"), "is missing")
  const counts = reader.oneOf(map, "counts", path, prefixUnits) ?? "digits"
  return { encoding, width: width ?? 1, counts, bytes: prefixBytes(encoding, width ?? 1) }
}
