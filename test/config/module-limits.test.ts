/** What a security module cannot do is refused when the configuration is loaded, by name. */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { loadConfig } from "../../src/config/load.ts"
import { root } from "../cli/process.ts"

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pointsman-limits-"))
  mkdirSync(join(folder, "dialects"))
})
afterAll(() => rmSync(folder, { recursive: true }))

const sm4 = "{ name: cup-ecb-sm4 }"
const hsm = "keyStore: { hsm: { file: k.json, links: [{ port: 1500 }] } }\n"
const usual = "terminal,merchant,baseKey\nT1,M1,\n"
const dukpt = "terminal,merchant,baseKey\nT1,M1,\nT2,M1,bdk-a\n"

/** The faults of a switch whose terminals and host speak `dialect`, its MAC by `algorithm`. */
async function faultsOf(
  dialect: string,
  algorithm: string | undefined,
  { keyStore = hsm, macKey = "", terminals = usual } = {}
): Promise<string> {
  const source = readFileSync(join(root, "config", "dialects", `${dialect}.yaml`), "utf8")
  const text = algorithm === undefined
    ? source
    : source.replace(/^keyDownload:\n(?: .*\n)+/m, "").replace(
      /algorithm: \{ name: [a-z0-9.-]+ \}/,
      `algorithm: ${algorithm}`
    )
  writeFileSync(
    join(folder, "dialects", "ours.yaml"),
    text.replace(/^dialect: .*$/m, "dialect: ours")
  )
  writeFileSync(join(folder, "terminals.csv"), terminals)
  const file = join(folder, "a.yaml")
  writeFileSync(
    file,
    `listeners: [{ name: t, port: 8583, dialect: ours }]
upstreams: [{ name: a, links: [{ port: 9001 }], dialect: ours${macKey} }]
routes: [{ name: all, to: [a] }]
${keyStore}`
  )
  const result = await Effect.runPromise(
    loadConfig(file).pipe(Effect.provide(NodeFileSystem.layer), Effect.result)
  )
  return result._tag === "Success" ? "" : result.failure.message
}

it("China UnionPay's, X9.19 and AES-CMAC have commands", async () => {
  expect(await faultsOf("cup-pos", undefined, { macKey: ", macKey: k" })).toBe("")
  expect(await faultsOf("pos-nac", undefined)).toBe("")
  expect(await faultsOf("pos-nac", "{ name: aes-cmac }")).toBe("")
})

it.each(["cup-ecb-sm4", "sm4-cbc", "hmac-sha256", "hmac-sm3"])("%s has none", async (name) => {
  const said = await faultsOf("cup-pos", `{ name: ${name} }`)
  expect(said).toMatch(/listeners\[0\]\.dialect: ours has MACs by .* no host command/)
  expect(said).toContain(name)
  expect(await faultsOf("cup-pos", `{ name: ${name} }`, { keyStore: "" })).toBe("")
})

it("an upstream's MACs are asked about where it has a key for them", async () => {
  expect(await faultsOf("cup-pos", sm4, { macKey: ", macKey: k" }))
    .toContain("upstreams[0].macKey: ours has MACs by cup-ecb-sm4")
})

it.each(["pos-dukpt", "pos-dukpt-aes"])("MACs of %s have none either", async (dialect) => {
  expect(await faultsOf(dialect, undefined, { terminals: dukpt }))
    .toMatch(/listeners\[0\]\.dialect: ours has MACs under DUKPT keys.* T2 has the base key bdk-a/)
  expect(await faultsOf(dialect, undefined)).toBe("")
  expect(await faultsOf(dialect, undefined, { keyStore: "", terminals: dukpt })).toBe("")
})
