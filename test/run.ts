/**
 * `npm test` and `npm run check`: types, lint and format side by side, then the tests. Whatever
 * happens, the last line printed is `N passed, N failed`, and the exit code agrees with it.
 * `--check` runs the tidy test alone.
 */

import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { SecretSearch } from "../src/simulate/secret-search.ts"
import { allSecrets } from "./secrets.ts"

const root = dirname(import.meta.dirname)
const bin = join(root, "node_modules", ".bin")

interface Ended {
  readonly ok: boolean
  readonly output: string
}

/** Runs a tool of `node_modules/.bin` under the Node that runs us; `shown` says it while it is. */
function run(tool: string, args: ReadonlyArray<string>, shown: boolean): Promise<Ended> {
  const path = [dirname(process.execPath), bin, process.env["PATH"]].join(delimiter)
  const color = shown && process.stdout.isTTY ? { FORCE_COLOR: "1" } : {}
  return new Promise((resolve) => {
    const child = spawn(join(bin, tool), args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...color, PATH: path }
    })
    let output = ""
    const take = (chunk: Buffer) => {
      output += chunk.toString()
      if (shown) process.stdout.write(chunk)
    }
    child.stdout.on("data", take)
    child.stderr.on("data", take)
    child.on("error", (error) => resolve({ ok: false, output: error.message }))
    child.on("close", (code) => resolve({ ok: code === 0, output }))
  })
}

const checks = [
  { name: "types", tool: "tsc", args: ["-p", "."] },
  { name: "lint", tool: "oxlint", args: ["bin", "src", "test", "bench", "docs"] },
  { name: "format", tool: "dprint", args: ["check"] }
] as const

interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

async function runChecks(): Promise<Counts> {
  const ended = await Promise.all(checks.map(async (check) => {
    const started = performance.now()
    const result = await run(check.tool, check.args, false)
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    if (!result.ok) process.stdout.write(`${result.output.trimEnd()}\n`)
    process.stdout.write(`${check.name}: ${result.ok ? "ok" : "FAILED"} (${seconds} s)\n`)
    return result.ok
  }))
  const passed = ended.filter(Boolean).length
  return { passed, failed: ended.length - passed, skipped: 0 }
}

/** The part of the test runner's JSON report that is counted. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly testResults: ReadonlyArray<{
    readonly status: string
    readonly assertionResults: ReadonlyArray<{ readonly status: string }>
  }>
}

/**
 * A file that failed without a failed test in it (it did not load, a hook threw) counts as one
 * failure, and so does a run that ended badly although every test passed.
 */
export function countTests(report: Report | undefined, ok: boolean): Counts {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 }
  const broken =
    report.testResults.filter((file) =>
      file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed")
    ).length
  const failed = report.numFailedTests + broken
  return {
    passed: report.numPassedTests,
    failed: !ok && failed === 0 ? 1 : failed,
    skipped: report.numPendingTests
  }
}

async function runTests(filters: ReadonlyArray<string>): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), "pointsman-test-"))
  const file = join(folder, "report.json")
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`]
  try {
    const ended = await run("vitest", ["run", ...reporters, ...filters], true)
    const text = existsSync(file) ? readFileSync(file, "utf8") : ""
    let report: Report | undefined
    try {
      // The file is the runner's own; its shape is pinned by the exact version of the runner.
      report = JSON.parse(text) as Report
    } catch {
      report = undefined
    }
    const counts = countTests(report, ended.ok)
    const silent = isSilent(ended.output + text)
    return { ...counts, failed: counts.failed + (silent ? 0 : 1) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Nothing that the suite printed has a clear key or PIN in it. */
function isSilent(output: string): boolean {
  const search = new SecretSearch(allSecrets())
  search.bytes("the output of the tests", Buffer.from(output))
  for (const found of search.found) process.stdout.write(`${found}\n`)
  process.stdout.write(`secrets: ${search.found.length === 0 ? "none" : "FOUND"} in the output\n`)
  return search.found.length === 0
}

export function summary({ failed, passed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`
}

if (import.meta.main) {
  const [mode, ...filters] = process.argv.slice(2)
  const first = await runChecks()
  const second = await runTests(mode === "--check" ? ["test/tidy.test.ts"] : filters)
  const total = {
    passed: first.passed + second.passed,
    failed: first.failed + second.failed,
    skipped: first.skipped + second.skipped
  }
  process.stdout.write(`${summary(total)}\n`)
  process.exitCode = total.failed === 0 ? 0 : 1
}
