/** The search for clear keys and PINs finds what is there, in every form. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { SecretSearch } from "../src/simulate/secret-search.ts"
import { allSecrets, demandNoSecrets } from "./secrets.ts"

const folder = mkdtempSync(join(tmpdir(), "pointsman-secrets-"))
afterAll(() => rmSync(folder, { recursive: true }))

it("finds each of them, wherever it stands", () => {
  const secrets = allSecrets()
  expect(secrets.length).toBeGreaterThan(100)
  for (const { bytes, name } of secrets) {
    const search = new SecretSearch(secrets)
    search.bytes("here", Buffer.concat([Buffer.from("line \n"), bytes, Buffer.from(" end")]))
    expect(search.found).toContain(`${name} in here at 6`)
    const last = new SecretSearch(secrets)
    last.bytes("there", Buffer.concat([bytes.subarray(0, 3), bytes]))
    expect(last.found).toContain(`${name} in there at 3`)
  }
})

it("finds no part of one, and nothing where nothing is", () => {
  for (const secret of allSecrets()) {
    const own = new SecretSearch([secret])
    own.bytes("part", secret.bytes.subarray(0, -1))
    expect(own.found).toEqual([])
  }
  const search = new SecretSearch(allSecrets())
  search.bytes("empty", Buffer.alloc(0))
  search.bytes("zeros", Buffer.alloc(4096))
  expect(search.found).toEqual([])
})

it("searches what a switch left, and not the configuration that was copied for it", () => {
  mkdirSync(join(folder, "config"))
  mkdirSync(join(folder, "data", "deep"), { recursive: true })
  const { bytes } = allSecrets()[0]!
  writeFileSync(join(folder, "config", "m.hex"), bytes)
  writeFileSync(join(folder, "start.log"), "nothing")
  demandNoSecrets(folder)
  writeFileSync(join(folder, "data", "deep", "rows"), Buffer.concat([Buffer.from("x"), bytes]))
  expect(() => demandNoSecrets(folder)).toThrow(/in clear:\nthe master key in data.deep.rows at 1/)
})
