/**
 * A whole switch as a process of its own, on ports and folders of its own, with the acquirers and
 * the wallet that the shipped configuration names; and a terminal that speaks to it over TCP.
 */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { cpSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect as tcp, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { loadConfig } from "../../src/config/load.ts"
import type { LoadedConfig } from "../../src/config/loaded.ts"
import type { Message, Values } from "../../src/iso8583/message.ts"
import { type Ended, pointsman, root } from "../cli/process.ts"
import { demandNoSecrets } from "../secrets.ts"

/** As the shipped configuration has them. */
const shippedPorts = [8582, 8583, 8584, 8585, 8586, 9001, 9002, 9101, 8080, 8081]

export class RunningSwitch {
  readonly folder = mkdtempSync(join(tmpdir(), "pointsman-switch-"))
  readonly config = join(this.folder, "config", "pointsman.yaml")
  readonly #children: Array<ChildProcess> = []
  readonly #ports = new Map<number, number>()

  /** Copies the shipped configuration under ports that are free now; `change` may edit it. */
  async prepare(change: (yaml: string) => string = (yaml) => yaml): Promise<void> {
    cpSync(join(root, "config"), join(this.folder, "config"), { recursive: true })
    const free = await freePorts(shippedPorts.length)
    shippedPorts.forEach((port, index) => this.#ports.set(port, free[index]!))
    const shipped = readFileSync(this.config, "utf8").replace(
      "  dataPath: ../data/postgres\n",
      [
        "  dataPath: ../data/postgres",
        "  batchMs: 5",
        ""
      ].join("\n")
    )
    const moved = [...this.#ports].reduce(
      (text, [from, to]) => text.replaceAll(new RegExp(`\\b${from}\\b`, "g"), String(to)),
      shipped.replace("maxBytes: 268435456", "maxBytes: 33554432")
    )
    writeFileSync(this.config, change(moved))
  }

  /** What the shipped configuration calls `port`. */
  port(shipped: number): number {
    return this.#ports.get(shipped)!
  }

  get admin(): string {
    return `127.0.0.1:${this.port(8080)}`
  }

  /** A verb as a process that stays. */
  start(...words: Array<string>): ChildProcess {
    const log = openSync(join(this.folder, `${words[0]}.log`), "a")
    const child = spawn(
      process.execPath,
      [join(root, "src", "main.ts"), ...words, "--config", this.config],
      { stdio: ["ignore", "ignore", log] }
    )
    this.#children.push(child)
    return child
  }

  /** A verb that asks the switch, in this process. */
  ask(...words: Array<string>): Promise<Ended> {
    return pointsman([...words, "--admin", this.admin])
  }

  /** A verb that reads the configuration, in this process. */
  verb(...words: Array<string>): Promise<Ended> {
    return pointsman([...words, "--config", this.config])
  }

  log(verb = "start"): string {
    return readFileSync(join(this.folder, `${verb}.log`), "utf8")
  }

  async isReady(): Promise<void> {
    await eventually(async () => {
      const answer = await fetch(`http://${this.admin}/readyz`).catch(() => undefined)
      return answer?.status === 200
    }, () => `the switch is ready\n${this.log()}`)
  }

  /** Readiness does not wait for PostgreSQL; a question to it must. */
  async hasLedger(): Promise<void> {
    await eventually(async () => {
      const answer = await fetch(`http://${this.admin}/healthz`).catch(() => undefined)
      const health = await answer?.json() as { readonly ledger?: { readonly ready: boolean } }
      return health?.ledger?.ready === true
    }, () => `the ledger is ready\n${this.log()}`)
  }

  loaded(): Promise<LoadedConfig> {
    return Effect.runPromise(loadConfig(this.config).pipe(Effect.provide(NodeFileSystem.layer)))
  }

  /** Ends one child, gently, and waits for it. */
  async end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once("close", resolve))
    child.kill("SIGTERM")
    await gone
  }

  async stop(): Promise<void> {
    for (const child of this.#children) await this.end(child)
    try {
      demandNoSecrets(this.folder)
    } finally {
      rmSync(this.folder, { recursive: true, force: true })
    }
  }
}

/** Tries again, a bounded number of times. */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  what: string | (() => string)
): Promise<void> {
  for (let round = 0; round < 600; round++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`never happened: ${typeof what === "string" ? what : what()}`)
}

/**
 * Below the ports that connections are given for their own end: what is free now is not taken by
 * anybody's connection before the switch listens there.
 */
async function freePorts(count: number): Promise<ReadonlyArray<number>> {
  const servers = new Map<number, ReturnType<typeof createServer>>()
  for (let attempt = 0; servers.size < count && attempt < 100; attempt++) {
    const port = 10_000 + Math.trunc(Math.random() * 22_000)
    const server = createServer()
    const listens = new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false))
      server.listen(port, "127.0.0.1", () => resolve(true))
    })
    if (await listens) servers.set(port, server)
  }
  await Promise.all(
    [...servers.values()].map((server) => new Promise((resolve) => server.close(resolve)))
  )
  return [...servers.keys()]
}

/** One terminal over TCP that says what it is told to, in a listener's dialect. */
export class Caller {
  readonly #loaded: LoadedConfig
  readonly #listener: string
  readonly #socket: Socket
  readonly #heard: Array<Message> = []
  #wake: () => void = () => {}

  private constructor(loaded: LoadedConfig, listener: string) {
    const { port } = loaded.config.listeners.find(({ name }) => name === listener)!
    this.#loaded = loaded
    this.#listener = listener
    this.#socket = tcp({ host: "127.0.0.1", port })
    const deframer = this.#framing.deframer(8192)
    this.#socket.on("data", (chunk: Buffer) => {
      deframer.push(chunk, {
        onFrame: (_, body) => {
          const message = this.dialect.read(Buffer.from(body))
          if (!("failure" in message)) this.#heard.push(message)
          this.#wake()
        },
        onKeepAlive: () => {}
      })
    })
  }

  static async to(running: RunningSwitch, listener: string): Promise<Caller> {
    const caller = new Caller(await running.loaded(), listener)
    await new Promise((resolve) => caller.#socket.once("connect", resolve))
    return caller
  }

  get #config() {
    return this.#loaded.config.listeners.find(({ name }) => name === this.#listener)!
  }

  get dialect() {
    return this.#loaded.dialects.get(this.#config.dialect)!
  }

  get #framing() {
    return this.#loaded.framings.get(this.#config.framing)!
  }

  /** Says it, and gives the next answer. */
  ask(mti: string, values: Values): Promise<Message> {
    return this.say(this.dialect.build(mti, values))
  }

  /** The same for a body that is ready. */
  async say(body: Uint8Array): Promise<Message> {
    this.#socket.write(this.#framing.encode(this.#framing.requestHeader(), body)!)
    for (let round = 0; round < 200 && this.#heard.length === 0; round++) {
      await Promise.race([
        new Promise<void>((resolve) => this.#wake = resolve),
        new Promise((resolve) => setTimeout(resolve, 100))
      ])
    }
    const answer = this.#heard.shift()
    if (answer === undefined) throw new Error("no answer")
    return answer
  }

  signOn(terminal: string, merchant: string): Promise<Message> {
    return this.ask("0800", {
      41: terminal,
      42: merchant,
      7: "1126120000",
      11: "000001",
      70: "001"
    })
  }

  sell(terminal: string, merchant: string, stan: string, amount: number): Promise<Message> {
    return this.ask("0200", saleOf(terminal, merchant, stan, amount))
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** A sale of ISO 8583:1987, with a published test number. */
export function saleOf(terminal: string, merchant: string, stan: string, amount: number): Values {
  return {
    2: "4111111111111111",
    3: "000000",
    4: String(amount).padStart(12, "0"),
    7: "1126120000",
    11: stan,
    12: "120000",
    13: "1126",
    14: "3012",
    22: "012",
    41: terminal,
    42: merchant,
    49: "156"
  }
}
