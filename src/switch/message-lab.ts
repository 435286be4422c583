/**
 * A message that an operator pastes, read by the dialects and framings of the configuration. Pure:
 * nothing of it is kept, and what comes back is masked field by field.
 */

import type { Row } from "../admin/faces.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import { describe } from "../iso8583/describe.ts"
import { CompiledDialect } from "../iso8583/dialect.ts"
import { doctor } from "../iso8583/doctor.ts"

/** The best reading; undefined: it is no hex, or too long. */
export function readInLab({ dialects, framings }: LoadedConfig, hex: string): Row | undefined {
  const digits = hex.replace(/[\s:]/g, "")
  if (!/^(?:[0-9A-Fa-f]{2}){1,8192}$/.test(digits)) return undefined
  const bytes = Buffer.from(digits, "hex")
  const compiled = [...dialects.values()].filter((each): each is CompiledDialect =>
    each instanceof CompiledDialect
  )
  const [best] = doctor(bytes, compiled, [...framings.values()])
  if (best === undefined) return undefined
  const { body, dialect, fault, framing, message } = best
  return {
    dialect,
    framing: framing ?? "none",
    bytes: body.length,
    fields: message === undefined ? [] : describe(message),
    ...(fault === undefined ? {} : {
      fault: `${fault.failure}: ${fault.path} at byte ${fault.offset}: expected ${fault.expected}`
    })
  }
}
