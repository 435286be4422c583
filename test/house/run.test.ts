/** `npm run bench` and its kin, which tell a stranger what is there before anything runs. */

import { spawnSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"

const root = join(import.meta.dirname, "../..")
const run = (...args: ReadonlyArray<string>) =>
  spawnSync(process.execPath, [join(root, "bin/run.js"), ...args], { encoding: "utf8" })
const programs = readdirSync(join(root, "bench")).filter((file) => file.endsWith(".ts"))
  .map((file) => file.slice(0, -3))

it.each(programs)("bench %s says what it measures and runs nothing", (name) => {
  const { status, stderr, stdout } = run("bench", name, "--help")
  expect([status, stderr]).toEqual([0, ""])
  expect(stdout).toMatch(/^\S.{40}/)
})

it.each([["--help"], [], ["nothing"]])("bench %s names what there is", (...args) => {
  const { status, stderr } = run("bench", ...args)
  expect(status).toBe(2)
  for (const name of programs) expect(stderr).toContain(name)
})
