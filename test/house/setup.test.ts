/** What a newcomer's first command does before anything is installed, and how runs are counted. */

import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { differences, linkLibraries } from "../../bin/setup.js"
import { countTests, summary } from "../run.ts"

const root = join(import.meta.dirname, "..", "..")
let folder = ""

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pointsman-setup-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe("the comparison with the lockfile", () => {
  const wanted = {
    packages: {
      "": { version: "0.1.0" },
      "node_modules/a": { version: "1.0.0" },
      "node_modules/b": { version: "2.0.0", optional: true }
    }
  }

  it("finds nothing to do where all is there", () => {
    const installed = { packages: { "node_modules/a": { version: "1.0.0" } } }
    expect(differences(wanted, installed)).toEqual([])
  })

  it("asks for what is missing and for what has another version", () => {
    expect(differences(wanted, {})).toEqual(["node_modules/a"])
    const old = {
      packages: { "node_modules/a": { version: "1.0.0" }, "node_modules/b": { version: "1.9.0" } }
    }
    expect(differences(wanted, old)).toEqual(["node_modules/b"])
  })
})

describe("the repair of an install without scripts", () => {
  it("makes the library links that PostgreSQL's package only lists, once", () => {
    const lib = join(folder, "native", "lib")
    mkdirSync(lib, { recursive: true })
    writeFileSync(join(lib, "libpq.so.5.18"), "")
    writeFileSync(
      join(folder, "native", "pg-symlinks.json"),
      JSON.stringify([{ source: "native/lib/libpq.so.5.18", target: "native/lib/libpq.so.5" }])
    )
    expect(linkLibraries(folder)).toBe(1)
    expect(readlinkSync(join(lib, "libpq.so.5"))).toBe("libpq.so.5.18")
    expect(existsSync(join(lib, "libpq.so.5"))).toBe(true)
    expect(linkLibraries(folder)).toBe(0)
  })

  it("does nothing for a platform whose package has no list", () => {
    expect(linkLibraries(join(folder, "absent"))).toBe(0)
  })
})

describe("the command dispatcher", () => {
  const run = (...args: Array<string>) =>
    spawnSync(process.execPath, [join(root, "bin", "run.js"), ...args], { encoding: "utf8" })

  it("refuses an unknown program with exit code 2 and names what there is", () => {
    const ended = run("bench", "no-such-suite")
    expect(ended.status).toBe(2)
    expect(ended.stderr).toContain("no-such-suite: no such program")
    expect(ended.stderr).toContain("usage: npm run bench -- <name>")
  })

  it("refuses a name that leaves its folder", () => {
    expect(run("bench", "../src/main").status).toBe(2)
    expect(run("constructor").status).toBe(2)
  })
})

describe("the last line of a run", () => {
  const report = (failed: number, status: string, results: Array<{ status: string }>) => ({
    numPassedTests: 3,
    numFailedTests: failed,
    numPendingTests: 0,
    testResults: [{ status, assertionResults: results }]
  })

  it("counts tests", () => {
    expect(summary(countTests(report(0, "passed", []), true))).toBe("3 passed, 0 failed")
    expect(summary({ passed: 1, failed: 2, skipped: 3 })).toBe("1 passed, 2 failed, 3 skipped")
  })

  it("counts a file that did not load, and a run that ended badly, as failures", () => {
    expect(countTests(report(0, "failed", []), false).failed).toBe(1)
    expect(countTests(report(1, "failed", [{ status: "failed" }]), false).failed).toBe(1)
    expect(countTests(report(0, "passed", []), false).failed).toBe(1)
    expect(countTests(undefined, false).failed).toBe(1)
  })
})
