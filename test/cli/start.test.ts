/** The switch as a process: what keeps it from starting is one line, and SIGTERM ends it well. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { createServer, type Server } from "node:net"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { root } from "./process.ts"

interface Started {
  readonly child: ChildProcess
  readonly talk: () => string
  /** Completes when the words stand in what it says; fails when it ends before. */
  readonly says: (words: string) => Promise<void>
  readonly ended: Promise<number | null>
}

const nowhere = "postgres://nobody:none@127.0.0.1:1/none"

let folder = ""
let taken: Server
let takenPort = 0

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pointsman-start-"))
  for (const file of ["keys.test.json", "test-master-key.hex"]) {
    copyFileSync(join(root, "config", file), join(folder, file))
  }
  writeFileSync(join(folder, "terminals.csv"), "terminal,merchant\nT1,M1\n")
  taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve))
  const address = taken.address()
  takenPort = typeof address === "object" && address !== null ? address.port : 0
})

afterAll(() => {
  taken.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A switch whose PostgreSQL is away, which must not keep it from starting. */
function start(name: string, journal: string, port: number): Started {
  const child = spawn(process.execPath, wordsOf(name, journal, port), {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, LEDGER_URL: nowhere }
  })
  let talk = ""
  const listeners: Array<() => void> = []
  child.stderr?.on("data", (chunk: Buffer) => {
    talk += chunk.toString()
    for (const listener of listeners) listener()
  })
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
  const says = (words: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => talk.includes(words) && resolve()
      listeners.push(look)
      look()
      void ended.then((exit) => reject(new Error(`ended with ${exit}: ${talk}`)))
    })
  return { child, talk: () => talk, says, ended }
}

function wordsOf(name: string, journal: string, port: number): Array<string> {
  const file = join(folder, `${name}.yaml`)
  writeFileSync(
    file,
    `listeners:
  - { name: terminals, port: ${port} }
upstreams:
  - { name: acquirer, links: [{ port: ${takenPort} }] }
routes:
  - { name: all, to: [acquirer] }
keyStore: { file: keys.test.json, masterKey: { file: test-master-key.hex }, test: true }
journal: { path: ${journal}, maxBytes: 16777216 }
ledger: { url: { env: LEDGER_URL } }
admin: { port: 0 }
public: { port: 0 }
`
  )
  return [join(root, "src/main.ts"), "start", "--config", file]
}

describe("a switch that cannot start", () => {
  it("names the port that is taken; exit code 3", async () => {
    const { ended, talk } = start("port", "journal-port", takenPort)
    expect(await ended).toBe(3)
    expect(talk()).toContain(
      `pointsman: port ${takenPort} of listener terminals is taken: end what`
    )
  })

  it("leaves a journal alone that another one owns, which drains at SIGTERM", async () => {
    const first = start("first", "journal", 0)
    try {
      await first.says("\"event\":\"recovered\"")
      const second = start("second", "journal", 0)
      expect(await second.ended).toBe(3)
      expect(second.talk()).toContain("another process runs on this journal")
      first.child.kill("SIGTERM")
      expect(await first.ended).toBe(0)
      expect(first.talk()).toContain("draining; a second signal ends at once")
    } finally {
      first.child.kill("SIGKILL")
    }
  })
})

/** V8 lists its flags, each as it is set by then, and ends the process. */
const listFlags = "import { setFlagsFromString } from \"node:v8\"\n" +
  "process.once(\"exit\", () => setFlagsFromString(\"--help\"))"

/** As a process has them at its end. V8 writes no more than a pipe takes at once, so to a file. */
function flagsOf(words: ReadonlyArray<string>): Array<string> {
  const file = join(folder, "flags.txt")
  const preload = `data:text/javascript,${encodeURIComponent(listFlags)}`
  const descriptor = openSync(file, "w")
  spawnSync(process.execPath, ["--import", preload, ...words], {
    stdio: ["ignore", descriptor, "ignore"],
    env: { ...process.env, LEDGER_URL: nowhere }
  })
  closeSync(descriptor)
  const text = readFileSync(file, "utf8")
  return Array.from(text.matchAll(/ default: (--\S+)/g), ([, flag = ""]) => flag)
}

describe("the engine of a switch", () => {
  it("collects seldom, in one thread where processors are few, and inlines much", () => {
    const bounds = "max-inlined-bytecode-size(?:-cumulative|-absolute|-small)?=\\d+"
    const ours = new RegExp(
      `^--(?:heap-growing-percent=\\d+|(?:no-)?concurrent-marking|${bounds})$`
    )
    const policy = (words: ReadonlyArray<string>) =>
      flagsOf(words).filter((flag) => ours.test(flag))
    expect(policy([join(root, "src/main.ts"), "start", "--help"])).toEqual([
      "--max-inlined-bytecode-size=460",
      "--max-inlined-bytecode-size-cumulative=920",
      "--max-inlined-bytecode-size-absolute=4600",
      "--max-inlined-bytecode-size-small=30",
      "--concurrent-marking",
      "--heap-growing-percent=0"
    ])
    expect(policy(wordsOf("heap", "journal-heap", takenPort))).toEqual([
      "--max-inlined-bytecode-size=1000",
      "--max-inlined-bytecode-size-cumulative=6000",
      "--max-inlined-bytecode-size-absolute=12000",
      "--max-inlined-bytecode-size-small=60",
      availableParallelism() < 4 ? "--no-concurrent-marking" : "--concurrent-marking",
      "--heap-growing-percent=200"
    ])
  })
})
