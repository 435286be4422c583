/** A process that a test started: what it said, how it ended, and the signals it gets by its id. */

import { type ChildProcess, spawn } from "node:child_process"

export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Of what a process says, the last part is kept. */
const keptCharacters = 8 * 1024 * 1024

const alive = new Set<ChildProcess>()

process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL")
})

export class Started {
  readonly child: ChildProcess
  readonly ended: Promise<End>
  out = ""
  /** Standard error: the log of a switch. */
  talk = ""
  #end: End | undefined
  readonly #listeners = new Set<() => void>()

  constructor(file: string, args: ReadonlyArray<string>, cwd: string) {
    const child = spawn(file, args, { cwd, stdio: ["ignore", "pipe", "pipe"] })
    this.child = child
    alive.add(child)
    child.stdout.on("data", (chunk: Buffer) => {
      this.out = (this.out + chunk.toString()).slice(-keptCharacters)
      this.#heard()
    })
    child.stderr.on("data", (chunk: Buffer) => {
      this.talk = (this.talk + chunk.toString()).slice(-keptCharacters)
      this.#heard()
    })
    this.ended = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null) => {
        alive.delete(child)
        this.#end ??= { code, signal }
        resolve(this.#end)
        this.#heard()
      }
      child.once("error", () => end(null, null))
      child.once("close", end)
    })
  }

  get pid(): number {
    return this.child.pid ?? -1
  }

  get end(): End | undefined {
    return this.#end
  }

  kill(signal: NodeJS.Signals): void {
    if (this.#end === undefined) this.child.kill(signal)
  }

  /** Waits until it says something that matches; fails when it ends or the time is over. */
  heard(pattern: RegExp, withinMs = 60_000): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const finish = (act: () => void) => {
        clearTimeout(timer)
        this.#listeners.delete(look)
        act()
      }
      const look = () => {
        const match = pattern.exec(this.out) ?? pattern.exec(this.talk)
        if (match !== null) finish(() => resolve(match))
        else if (this.#end !== undefined) {
          finish(() =>
            reject(
              new Error(
                `it ended ${JSON.stringify(this.#end)} instead of saying ${pattern}: ${this.last()}`
              )
            )
          )
        }
      }
      const timer = setTimeout(
        () => finish(() => reject(new Error(`never said ${pattern}: ${this.last()}`))),
        withinMs
      )
      this.#listeners.add(look)
      look()
    })
  }

  /** SIGTERM, and what it ended with; killed when that takes too long. */
  async stop(withinMs = 60_000): Promise<End> {
    this.kill("SIGTERM")
    const timer = setTimeout(() => this.kill("SIGKILL"), withinMs)
    const end = await this.ended
    clearTimeout(timer)
    return end
  }

  last(): string {
    return `${this.out.slice(-1000)}\n${this.talk.slice(-3000)}`
  }

  #heard(): void {
    for (const look of Array.from(this.#listeners)) look()
  }
}
