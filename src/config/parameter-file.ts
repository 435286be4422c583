/**
 * A file of terminal parameters, `parameters/<name>.yaml`: what a code brings, block after block.
 * What must hold: a block fits the field that carries it, with the digit in front.
 *
 *     by: "60.3"              # the field with the code
 *     path: "62"              # the field with the block
 *     codes:
 *       "360": ["terminal parameters as text"]
 *       "370": [{ hex: 9F0605A000000333 }, { hex: 9F0605A000000333 }]
 */

import type { ParameterSet } from "../domain/parameters.ts"
import type { SourceFault } from "../domain/source-fault.ts"

/** Field 62 of China UnionPay, less the digit. */
const maxBlockBytes = 511
/** Two digits say how many a terminal has. */
const maxBlocks = 99

const fieldPath = /^\d{1,3}(?:\.[0-9A-Za-z]{1,6})?$/

export function compileParameters(source: unknown): ParameterSet | ReadonlyArray<SourceFault> {
  const faults: Array<SourceFault> = []
  const { by, codes, path } = isRecord(source) ? source : {}
  for (const [key, value] of [["by", by], ["path", path]] as const) {
    if (typeof value !== "string" || !fieldPath.test(value)) {
      faults.push({ path: key, problem: "expected a field as \"62\" or \"60.3\"" })
    }
  }
  const blocks = new Map<string, ReadonlyArray<Uint8Array>>()
  for (const [code, list] of Object.entries(isRecord(codes) ? codes : {})) {
    blocks.set(code, blocksOf(list, `codes.${code}`, faults))
  }
  if (blocks.size === 0) faults.push({ path: "codes", problem: "expected blocks by their code" })
  return faults.length > 0 ? faults : { by: String(by), path: String(path), blocks }
}

function blocksOf(list: unknown, path: string, faults: Array<SourceFault>): Array<Uint8Array> {
  if (!Array.isArray(list) || list.length === 0 || list.length > maxBlocks) {
    faults.push({ path, problem: `expected a list of 1 to ${maxBlocks} blocks` })
    return []
  }
  return list.map((each: unknown, index) => {
    const block = bytesOf(each)
    if (block === undefined || block.length === 0 || block.length > maxBlockBytes) {
      const problem = `expected text or { hex: … } of 1 to ${maxBlockBytes} bytes`
      faults.push({ path: `${path}[${index}]`, problem })
    }
    return block ?? Buffer.alloc(0)
  })
}

function bytesOf(value: unknown): Buffer | undefined {
  if (typeof value === "string") return Buffer.from(value, "utf8")
  const hex = isRecord(value) ? value["hex"] : undefined
  return typeof hex === "string" && /^(?:[0-9A-Fa-f]{2})+$/.test(hex)
    ? Buffer.from(hex, "hex")
    : undefined
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
