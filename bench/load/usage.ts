/**
 * What processes use, read from /proc: CPU of every thread in nanoseconds. Must hold: reading
 * costs the measured process nothing. Linux only; elsewhere every figure is zero.
 */

import { readdirSync, readFileSync } from "node:fs"

/** Nanoseconds of CPU by thread: `main` or the thread's name with its number. */
export type ThreadTimes = ReadonlyMap<string, number>

function text(path: string): string {
  try {
    return readFileSync(path, "latin1")
  } catch {
    return ""
  }
}

function list(path: string): Array<string> {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

export function threadTimes(pid: number): ThreadTimes {
  const times = new Map<string, number>()
  for (const thread of list(`/proc/${pid}/task`)) {
    const [ran] = text(`/proc/${pid}/task/${thread}/schedstat`).split(" ")
    const name = text(`/proc/${pid}/task/${thread}/comm`).trim()
    times.set(Number(thread) === pid ? "main" : `${name} ${thread}`, Number(ran ?? 0))
  }
  return times
}

/** CPU microseconds between two readings: all threads, and the main thread alone. */
export function usedMicroseconds(
  before: ThreadTimes,
  after: ThreadTimes
): { readonly all: number; readonly main: number; readonly byThread: ReadonlyMap<string, number> } {
  const byThread = new Map<string, number>()
  let all = 0
  for (const [thread, ran] of after) {
    const used = (ran - (before.get(thread) ?? 0)) / 1000
    byThread.set(thread, used)
    all += used
  }
  return { all, main: byThread.get("main") ?? 0, byThread }
}

/** Children of a process, their children too. */
export function descendants(pid: number): Array<number> {
  const children: Array<number> = []
  for (const thread of list(`/proc/${pid}/task`)) {
    for (const child of text(`/proc/${pid}/task/${thread}/children`).trim().split(" ")) {
      if (child !== "") children.push(Number(child), ...descendants(Number(child)))
    }
  }
  return children
}

/** Nanoseconds of CPU of several processes taken together, named by process. */
export function groupTimes(pids: ReadonlyArray<number>): ThreadTimes {
  const times = new Map<string, number>()
  for (const pid of pids) {
    let sum = 0
    for (const ran of threadTimes(pid).values()) sum += ran
    times.set(String(pid), sum)
  }
  return times
}

/** The soft limit of open files of this process. */
export function openFilesLimit(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(text("/proc/self/limits"))?.[1] ?? 0)
}
