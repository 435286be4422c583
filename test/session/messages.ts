/** What the terminals of these stories say. */

import type { Fields } from "../upstream/fake-dialect.ts"

export function message(terminal: string, mti: string, fields: Fields = {}): Fields {
  return { mti, 11: "000001", 41: terminal, 42: "M00000000000001", ...fields }
}

export const signOn = (terminal: string, fields: Fields = {}): Fields =>
  message(terminal, "0800", { 70: "001", ...fields })

export const echo = (terminal: string, fields: Fields = {}): Fields =>
  message(terminal, "0800", { 70: "301", ...fields })

export const sale = (terminal: string, stan: string, fields: Fields = {}): Fields =>
  message(terminal, "0200", {
    2: "6222020000000000001",
    3: "000000",
    4: "000000000100",
    11: stan,
    49: "156",
    ...fields
  })

export const reversal = (terminal: string, stan: string, fields: Fields = {}): Fields =>
  sale(terminal, stan, { mti: "0400", ...fields })
