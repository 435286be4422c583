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
  /** Which of them is shown, from 1: the first that could not be read, else the first. */
  readonly frame: number
  /** Of that frame; the header is empty where there is no framing. */
  readonly header: Uint8Array
  readonly body: Uint8Array
  /** What of it could be read: all, or what stands before the fault. */
  readonly message: Message | undefined
  /** What stopped the reading; undefined when every frame was read. */
  readonly fault: CodecFault | undefined
  /** Bytes behind the last whole frame. */
  readonly rest: number
}

const maxFrames = 16

interface Cut {
  readonly framing: string | undefined
  readonly frames: ReadonlyArray<Frame>
  /** Bytes the framing could not use. */
  readonly rest: number
}

interface Frame {
  readonly header: Uint8Array
  readonly body: Uint8Array
}

/** Best first. An empty input has no diagnosis. */
export function doctor(
  bytes: Uint8Array,
  dialects: ReadonlyArray<CompiledDialect>,
  framings: ReadonlyArray<Framing>
): ReadonlyArray<Diagnosis> {
  if (bytes.length === 0) return []
  const cuts: Array<Cut> = [{
    framing: undefined,
    frames: [{ header: new Uint8Array(0), body: bytes }],
    rest: 0
  }]
  for (const framing of framings) {
    const cut = cutBy(framing, bytes)
    if (cut !== undefined) cuts.push(cut)
  }
  const found = cuts.flatMap((cut) => dialects.map((dialect) => diagnose(cut, dialect)))
  // Of equals the dialect that sees more structure in the same bytes knows them better; what is
  // equal even then stays in the order in which the dialects and framings were given.
  return found.sort((one, other) =>
    other.fit - one.fit || unexplained(one) - unexplained(other) ||
    structure(other) - structure(one)
  )
}

/**
 * 1: the dialect derives the keys of each message from a serial number, and this message has none.
 * Then a dialect that needs none, with the same fields otherwise, says the same and supposes less.
 */
function unexplained({ message }: Diagnosis): number {
  if (message === undefined) return 0
  const { roles } = (message.dialect as CompiledDialect).semantics
  return roles.ksn.length > 0 && message.role("ksn") === undefined ? 1 : 0
}

function structure({ message }: Diagnosis): number {
  return message === undefined ? 0 : leaves(message).filter(({ known }) => known).length
}

function cutBy(framing: Framing, bytes: Uint8Array): Cut | undefined {
  const frames: Array<Frame> = []
  const deframer = framing.deframer(65_535)
  const failure = deframer.push(Buffer.from(bytes), {
    onFrame: (header, body) => {
      if (frames.length < maxFrames) frames.push({ header: copy(header), body: copy(body) })
    },
    onKeepAlive: () => undefined
  })
  if (failure !== undefined || frames.length === 0) return undefined
  return { framing: framing.name, frames, rest: deframer.pendingBytes() }
}

function copy(bytes: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes)
}

function diagnose(cut: Cut, dialect: CompiledDialect): Diagnosis {
  let understood = 0
  let total = cut.rest
  let sense = 0
  let fault: CodecFault | undefined
  let message: Message | undefined
  let shown = 0
  for (const [place, { body }] of cut.frames.entries()) {
    total += body.length
    const read = dialect.read(body)
    if ("failure" in read) {
      if (fault === undefined) {
        fault = read
        message = dialect.salvage(body)
        shown = place
      }
      understood += Math.min(read.offset, body.length) / 2
      continue
    }
    if (place === 0) message = read
    understood += body.length
    sense += senseOf(read)
  }
  const whole = understood / Math.max(1, total)
  const fit = 0.8 * whole + 0.2 * (whole === 1 ? sense / cut.frames.length : 0)
  return {
    framing: cut.framing,
    dialect: dialect.name,
    fit,
    frames: cut.frames.length,
    frame: shown + 1,
    ...cut.frames[shown]!,
    message,
    fault,
    rest: cut.rest
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
