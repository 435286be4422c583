/** The Dockerfile, which no test builds, against what it must agree with. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"

const root = join(import.meta.dirname, "../..")
const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8")
const manifest = readFileSync(join(root, "package.json"), "utf8")
const { optionalDependencies } = JSON.parse(manifest) as {
  readonly optionalDependencies: Readonly<Record<string, string>>
}

it("has the Node that is pinned for clones", () => {
  const images = [...dockerfile.matchAll(/^FROM node:(\S+?)-slim/gm)].map(([, version]) => version)
  expect(images.length).toBeGreaterThan(0)
  expect(new Set(images)).toEqual(new Set(Object.values(optionalDependencies)))
})

it("runs as somebody whom initdb finds in /etc/passwd", () => {
  const user = /^USER (\d+):/m.exec(dockerfile)?.[1]
  expect(user).toBeDefined()
  expect(dockerfile).toContain(`useradd --uid ${user} `)
})

it("is not restarted for what a restart does not mend", () => {
  expect(dockerfile).toMatch(/^ +CMD \[.*"health", "--alive"\]$/m)
})
