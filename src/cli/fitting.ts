/**
 * Which framing and which dialect fit these bytes? Pure. Tries them, and ranks what it finds: whole
 * messages first, then how far each reading came.
 */

import type { Framing } from "../frame/framing.ts"
import type { CompiledDialect } from "../iso8583/dialect.ts"
import type { CodecFault } from "../iso8583/fault.ts"
import type { Message } from "../iso8583/message.ts"

export interface Reading {
  readonly dialect: CompiledDialect
  /** Undefined: the bytes are a body without a frame. */
  readonly framing: Framing | undefined
  readonly header: Uint8Array
  readonly body: Uint8Array
  readonly message: Message | undefined
  readonly fault: CodecFault | undefined
  /** What of the body was read without a fault, for ranking. */
  readonly readBytes: number
}

/** Longest frame that is tried. */
const maxFrameBytes = 65_535

/** Best first. `framings` are tried beside the bare body unless `bare` is false. */
export function readings(
  bytes: Buffer,
  dialects: ReadonlyArray<CompiledDialect>,
  framings: ReadonlyArray<Framing>,
  bare: boolean
): ReadonlyArray<Reading> {
  const bodies: Array<Pick<Reading, "framing" | "header" | "body">> = []
  if (bare) bodies.push({ framing: undefined, header: Buffer.of(), body: bytes })
  for (const framing of framings) {
    const frame = onlyFrame(framing, bytes)
    if (frame !== undefined) bodies.push({ framing, ...frame })
  }
  const found = bodies.flatMap((each) => dialects.map((dialect) => readingOf(dialect, each)))
  return found.toSorted((left, right) => rank(right) - rank(left))
}

function readingOf(
  dialect: CompiledDialect,
  given: Pick<Reading, "framing" | "header" | "body">
): Reading {
  const read = dialect.read(given.body)
  if (!("failure" in read)) {
    const readBytes = given.body.length
    return { ...given, dialect, message: read, fault: undefined, readBytes }
  }
  return {
    ...given,
    dialect,
    message: dialect.salvage(given.body),
    fault: read,
    readBytes: read.offset
  }
}

function rank({ fault, framing, message, readBytes }: Reading): number {
  const whole = fault === undefined ? 1_000_000 : 0
  const kind = fault === undefined && message?.kind() !== undefined ? 100_000 : 0
  return whole + kind + readBytes * 2 + (framing === undefined ? 0 : 1)
}

/** Header and body when the bytes are exactly one frame. */
function onlyFrame(
  framing: Framing,
  bytes: Buffer
): { readonly header: Uint8Array; readonly body: Uint8Array } | undefined {
  const found: Array<{ readonly header: Uint8Array; readonly body: Uint8Array }> = []
  const deframer = framing.deframer(maxFrameBytes)
  const failure = deframer.push(bytes, {
    onFrame: (header, body) => void found.push({ header, body }),
    onKeepAlive: () => {}
  })
  if (failure !== undefined || deframer.pendingBytes() > 0 || found.length !== 1) return undefined
  return found[0]
}
