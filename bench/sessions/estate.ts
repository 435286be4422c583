/** What switch and terminals of the sessions bench agree on: who there is, and how they speak. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import type { MerchantId, TerminalId } from "../../src/domain/brand.ts"
import { channels } from "../../src/domain/channel.ts"
import { kinds } from "../../src/domain/kind.ts"
import type { TerminalProfile } from "../../src/domain/ports/terminals.ts"
import { compileFraming } from "../../src/frame/compile.ts"
import type { Framing } from "../../src/frame/framing.ts"
import { compileDialect } from "../../src/iso8583/compile.ts"
import type { Dialect } from "../../src/iso8583/message.ts"

const merchant = "M00000000000001" as MerchantId

const terminalId = (index: number): TerminalId => `T${String(index).padStart(7, "0")}` as TerminalId

const config = join(import.meta.dirname, "../../config")
const yaml = (file: string): unknown => parse(readFileSync(join(config, file), "utf8"))

export function cupFraming(): Framing {
  const framing = compileFraming(yaml("framings/cup-tpdu.yaml"))
  if (!("encode" in framing)) throw new Error(JSON.stringify(framing))
  return framing
}

export function cupDialect(): Dialect {
  const dialect = compileDialect(yaml("dialects/cup-pos.yaml"), 1)
  if (!("read" in dialect)) throw new Error(JSON.stringify(dialect))
  return dialect
}

const shared = {
  merchant,
  merchantName: "Shop",
  group: "cup",
  identity: "sign-on",
  category: "5411",
  masterKey: "tmk-demo",
  macRequired: true,
  window: 1,
  kinds: new Set(kinds),
  channels: new Set(channels),
  currencies: new Set(["156"]),
  partialApproval: false,
  reverseUnconfirmed: false,
  blocked: false
} as const

export function profiles(count: number): Array<TerminalProfile> {
  return Array.from({ length: count }, (_, index) => ({ ...shared, terminal: terminalId(index) }))
}

/** A sign-on that asks for working keys of double length. */
export function signOnFrame(dialect: Dialect, framing: Framing, index: number): Buffer {
  const body = dialect.build("0800", {
    "11": String(index % 1_000_000).padStart(6, "0"),
    "41": terminalId(index),
    "42": merchant,
    "60.1": "00",
    "60.2": "000001",
    "60.3": "003"
  })
  const frame = framing.encode(framing.requestHeader(), body)
  if (frame === undefined) throw new Error("the sign-on does not fit its frame")
  return frame
}
