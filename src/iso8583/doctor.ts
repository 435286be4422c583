/**
 * Which dialect and which framing fit these bytes? Everything is tried; what reads to the last byte
 * comes first, and among those what makes most sense of it. Must hold: at most `maxFrames` frames
 * are looked at, and nothing is guessed that was not read.
 */

import type { Framing } from "../frame/framing.ts"
import { leaves } from "./describe.ts"
import type { CompiledDialect } from "./dialect.ts"
import type { CodecFault } from "./fault.ts"
import type { Message } from "./message.ts"

export interface Diagnosis {
  /** Undefined: the bytes are a body without a frame. */
  readonly framing: string | undefined
  readonly dialect: string
  /** 0 to 1: how much of the bytes was understood. */
  readonly fit: number
  readonly frames: number
  /** What stopped the reading; undefined when all of it was read. */
  readonly fault: CodecFault | undefined
  readonly message: Message | undefined
}

const maxFrames = 16

interface Cut {
  readonly framing: string | undefined
  readonly bodies: ReadonlyArray<Uint8Array>
  /** Bytes the framing could not use. */
  readonly wasted: number
}

/** Best first. An empty input has no diagnosis. */
export function doctor(
  bytes: Uint8Array,
  dialects: ReadonlyArray<CompiledDialect>,
  framings: ReadonlyArray<Framing>
): ReadonlyArray<Diagnosis> {
  if (bytes.length === 0) return []
  const cuts: Array<Cut> = [{ framing: undefined, bodies: [bytes], wasted: 0 }]
  for (const framing of framings) {
    const cut = cutBy(framing, bytes)
    if (cut !== undefined) cuts.push(cut)
  }
  const found = cuts.flatMap((cut) =>
    dialects.map((dialect) => diagnose(cut, dialect, bytes.length))
  )
  // Of equals the dialect that sees more structure in the same bytes knows them better.
  return found.sort((one, other) => other.fit - one.fit || structure(other) - structure(one))
}

function structure({ message }: Diagnosis): number {
  return message === undefined ? 0 : leaves(message).filter(({ known }) => known).length
}

function cutBy(framing: Framing, bytes: Uint8Array): Cut | undefined {
  const bodies: Array<Uint8Array> = []
  const deframer = framing.deframer(65_535)
  const failure = deframer.push(Buffer.from(bytes), {
    onFrame: (_header, body) => {
      if (bodies.length < maxFrames) bodies.push(Uint8Array.prototype.slice.call(body))
    },
    onKeepAlive: () => undefined
  })
  if (failure !== undefined || bodies.length === 0) return undefined
  return { framing: framing.name, bodies, wasted: deframer.pendingBytes() }
}

function diagnose(cut: Cut, dialect: CompiledDialect, size: number): Diagnosis {
  let understood = 0
  let total = cut.wasted
  let sense = 0
  let fault: CodecFault | undefined
  let message: Message | undefined
  for (const body of cut.bodies) {
    total += body.length
    const read = dialect.read(body)
    if ("failure" in read) {
      fault ??= read
      understood += Math.min(read.offset, body.length) / 2
      continue
    }
    message ??= read
    understood += body.length
    sense += senseOf(read)
  }
  const whole = understood / Math.max(1, total)
  const fit = 0.8 * whole + 0.2 * (whole === 1 ? sense / cut.bodies.length : 0)
  return {
    framing: cut.framing,
    dialect: dialect.name,
    fit: size === 0 ? 0 : fit,
    frames: cut.bodies.length,
    fault,
    message
  }
}

/** 0 to 1: does a message that could be read also mean something in this dialect? */
function senseOf(message: Message): number {
  const dialect = message.dialect as CompiledDialect
  let sense = 0
  if (message.kind() !== undefined || dialect.isResponse(message)) sense += 0.4
  const texts = [message.role("terminal"), message.role("merchant"), message.role("response")]
  const told = texts.filter((text) => text !== undefined)
  if (told.length > 0) {
    const plain = told.filter((text) => /^[ -~]*$/.test(text)).length
    sense += 0.4 * plain / told.length
  }
  const times = [message.role("localTime"), message.role("localDate")]
  const known = times.filter((text) => text !== undefined)
  const plausible = known.every((text) => /^(?:[01]\d|2[0-3])[0-5]\d/.test(text))
  return sense + (plausible ? 0.2 : 0)
}
