/**
 * Processes of a bench: started, waited for, measured, ended. Must hold: whatever this process
 * started is ended when it ends, however it ends.
 */

import { fork, spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { fileURLToPath } from "node:url"

const started = new Set<ChildProcess>()

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => process.exit(1))
}
process.on("exit", () => {
  for (const child of started) child.kill("SIGKILL")
})

export interface Running {
  readonly child: ChildProcess
  readonly pid: number
  /** Everything it said, shortened from the front to the last 64 KiB. */
  readonly said: () => string
  /** Ends it by SIGTERM, by SIGKILL after ten seconds; what it said as a whole. */
  readonly stop: () => Promise<string>
}

const keepCharacters = 65_536
const stopWithinMs = 10_000

function adopt(child: ChildProcess): Running {
  started.add(child)
  let text = ""
  const hear = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-keepCharacters)
  }
  child.stdout?.on("data", hear)
  child.stderr?.on("data", hear)
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => {
      started.delete(child)
      resolve()
    })
  })
  return {
    child,
    pid: child.pid!,
    said: () => text,
    stop: async () => {
      child.kill("SIGTERM")
      const timer = setTimeout(() => child.kill("SIGKILL"), stopWithinMs)
      await ended
      clearTimeout(timer)
      return text
    }
  }
}

interface StartOptions {
  readonly nodeFlags?: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string>>
  /** User and group to run as, where the process must not be root. */
  readonly identity?: { readonly uid: number; readonly gid: number }
}

/** A Node process of this repository, by its path from the repository's root. */
export function startNode(
  script: string,
  args: ReadonlyArray<string>,
  options: StartOptions = {}
): Running {
  return adopt(
    spawn(process.execPath, [...options.nodeFlags ?? [], rooted(script), ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.environment },
      ...options.identity
    })
  )
}

export function startProgram(program: string, args: ReadonlyArray<string>): Running {
  return adopt(spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] }))
}

/** A Node process with an IPC channel. */
export function forkNode(script: string, nodeFlags: ReadonlyArray<string> = []): Running {
  return adopt(
    fork(rooted(script), [], {
      silent: true,
      execArgv: [...nodeFlags],
      serialization: "advanced"
    })
  )
}

/** The absolute path of a file of this repository. */
export function rooted(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url))
}

/** Waits for a line that matches; the match. Fails when the process ends or the time is over. */
export function heard(
  running: Running,
  pattern: RegExp,
  withinMs: number
): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const finish = (act: () => void) => {
      clearTimeout(timer)
      running.child.stdout?.off("data", look)
      running.child.off("close", gone)
      act()
    }
    const look = () => {
      const match = pattern.exec(running.said())
      if (match !== null) finish(() => resolve(match))
    }
    const gone = () => finish(() => reject(new Error(`it ended instead: ${running.said()}`)))
    const timer = setTimeout(
      () => finish(() => reject(new Error(`not heard in time: ${pattern}\n${running.said()}`))),
      withinMs
    )
    running.child.stdout?.on("data", look)
    running.child.once("close", gone)
    look()
  })
}
