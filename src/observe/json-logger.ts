/**
 * Effect's own log calls as the same JSON lines: `Effect.logWarning("link-down", { upstream })`
 * becomes `{"event":"link-down","upstream":…}`. Replaces the default logger.
 */

import { Cause, type Layer, Logger, type LogLevel as EffectLevel } from "effect"
import type { LogFields, LogLevel, LogLines } from "./log-lines.ts"

export function jsonLogger(lines: LogLines): Layer.Layer<never> {
  return Logger.layer([lineLogger(lines)])
}

export function lineLogger(lines: LogLines): Logger.Logger<unknown, void> {
  return Logger.make(({ cause, logLevel, message }) => {
    const level = levels[logLevel]
    if (!lines.isOn(level)) return
    const parts = Array.isArray(message) ? message as ReadonlyArray<unknown> : [message]
    const words = parts.filter((part) => typeof part !== "object" || part === null)
    const fields: Record<string, unknown> = {}
    for (const part of parts) {
      if (typeof part === "object" && part !== null) Object.assign(fields, fieldsOf(part))
    }
    if (cause.reasons.length > 0) fields["cause"] = Cause.pretty(cause)
    lines.write(level, words.map(String).join(" ") || "log", fields)
  })
}

const levels: Readonly<Record<EffectLevel.LogLevel, LogLevel>> = {
  All: "debug",
  Trace: "debug",
  Debug: "debug",
  Info: "info",
  Warn: "warn",
  Error: "error",
  Fatal: "error",
  None: "debug"
}

/** Places of a stack that are told. */
const toldFrames = 5

/** Of a defect also where it happened: nobody else can tell whoever mends it. */
function fieldsOf(part: object): LogFields {
  if (!(part instanceof Error)) return part as LogFields
  const places = part.stack?.match(/^ +at .+$/gm) ?? []
  const at = places.slice(0, toldFrames).map((place) => place.trim().slice("at ".length))
  return { error: part.name, message: part.message, at }
}
