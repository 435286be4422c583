/**
 * A place of its own for real processes: a folder with a configuration, keys, terminals and data,
 * free ports, and every process that was started for it. What must hold: whatever a test does,
 * `end` leaves no process and no file behind.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { visitorDatabaseLayer } from "../../src/ledger/ledger.ts"
import { machine } from "../ledger/machine.ts"
import { demandNoSecrets } from "../secrets.ts"
import { Started } from "./started.ts"

const root = join(import.meta.dirname, "..", "..")

const named = ["terminals.csv", "keys.test.json", "test-master-key.hex", "test-wallet-secret.txt"]

const portNames = [
  "terminals",
  "ascii",
  "devices",
  "notices",
  "acquirer",
  "unionpay",
  "wallet",
  "admin",
  "public",
  "control"
] as const

type Ports = Readonly<Record<typeof portNames[number], number>>

/** Plain data in the shape of `config/pointsman.yaml`; JSON is YAML. */
export interface SiteConfig {
  [key: string]: unknown
  listeners: Array<Record<string, unknown>>
  upstreams: Array<Record<string, unknown>>
  routes: Array<Record<string, unknown>>
  journal: Record<string, unknown>
  ledger: Record<string, unknown>
}

export class Site {
  readonly folder = mkdtempSync(join(tmpdir(), "pointsman-site-"))
  readonly configPath = join(this.folder, "config", "pointsman.yaml")
  readonly journalPath = join(this.folder, "data", "journal")
  readonly postgresPath = join(this.folder, "data", "postgres")
  readonly ports: Ports
  readonly #started = new Set<Started>()

  constructor(ports: Ports) {
    this.ports = ports
    mkdirSync(join(this.folder, "config"))
    for (const name of named) {
      cpSync(join(root, "config", name), join(this.folder, "config", name))
    }
    this.write()
  }

  /** Writes the configuration, as it stands or changed. */
  write(change: (config: SiteConfig) => void = () => {}): void {
    const config = shippedConfig(this.ports)
    change(config)
    writeFileSync(this.configPath, JSON.stringify(config, undefined, 2))
  }

  /** A process of `node src/main.ts <words> --config …`; it ends with the site at the latest. */
  run(words: ReadonlyArray<string | number>, before: ReadonlyArray<string> = []): Started {
    const program = join(root, "src", "main.ts")
    return this.program(process.execPath, [program, ...words, "--config", this.configPath], before)
  }

  /** Any program, run by `before` when that is given. */
  program(
    file: string,
    args: ReadonlyArray<string | number>,
    before: ReadonlyArray<string> = []
  ): Started {
    const [first = file, ...rest] = [...before, file, ...args.map(String)]
    const started = new Started(first, rest, this.folder)
    this.#started.add(started)
    return started
  }

  book(name: string): string {
    return join(this.folder, `${name}.book`)
  }

  /** Rows of the site's PostgreSQL. */
  rows<Row extends object>(statement: string): Promise<ReadonlyArray<Row>> {
    return this.asked(Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe<Row>(statement)))
  }

  /** Asks the site's PostgreSQL, whether it runs or not. */
  asked<A>(question: Effect.Effect<A, unknown, PgClient.PgClient>): Promise<A> {
    const database = visitorDatabaseLayer({
      dataPath: this.postgresPath,
      port: 0,
      batchRows: 100,
      batchMs: 10,
      replicaLagMs: 0,
      connections: 1,
      migrate: "refuse",
      required: true
    }).pipe(Layer.provide(machine))
    return Effect.runPromise(Effect.provide(question, database))
  }

  /** Process id of the site's embedded server while it runs. */
  postgresPid(): number | undefined {
    const cluster = join(this.postgresPath, "cluster")
    try {
      const pid = Number(readFileSync(join(cluster, "postmaster.pid"), "utf8").split("\n")[0])
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")
      return words.includes(cluster) ? pid : undefined
    } catch {
      return undefined
    }
  }

  /** Processes that outlived who started them: they name this folder, which is ours alone. */
  #left(): ReadonlyArray<number> {
    return readdirSync("/proc").map(Number).filter((pid) => {
      if (!(pid > 1) || pid === process.pid) return false
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(this.folder)
      } catch {
        return false
      }
    })
  }

  /** Ends every process of the site, and keeps its files. */
  async stop(): Promise<void> {
    for (const started of this.#started) started.kill("SIGKILL")
    await Promise.all(Array.from(this.#started, ({ ended }) => ended))
    for (let turn = 0; turn < 400; turn++) {
      const left = this.#left()
      if (left.length === 0) break
      for (const pid of left) signal(pid, turn < 100 ? "SIGQUIT" : "SIGKILL")
      await pause(25)
    }
  }

  async end(): Promise<void> {
    await this.stop()
    try {
      demandNoSecrets(this.folder)
    } finally {
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
    }
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // Gone already: what was wanted.
  }
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Asks again and again until the answer is one; fails with what it waited for. */
export async function until<A>(
  what: string | (() => string),
  withinMs: number,
  ask: () => A | undefined | Promise<A | undefined>
): Promise<A> {
  const last = performance.now() + withinMs
  while (true) {
    const found = await ask()
    if (found !== undefined) return found
    if (performance.now() > last) {
      throw new Error(`never happened: ${typeof what === "string" ? what : what()}`)
    }
    await pause(20)
  }
}

export async function makeSite(): Promise<Site> {
  const ports: Partial<Record<typeof portNames[number], number>> = {}
  const taken = new Set<number>()
  for (const name of portNames) {
    const port = await freePort(taken)
    taken.add(port)
    ports[name] = port
  }
  return new Site(ports as Ports)
}

/** Below what the system gives to outgoing connections, so that none takes it meanwhile. */
async function freePort(taken: ReadonlySet<number>): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 15_000 + Math.floor(Math.random() * 17_000)
    if (!taken.has(port) && await isFree(port)) return port
  }
  throw new Error("no free port")
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })
}

/** The shipped configuration on other ports, with deadlines that a test can wait for. */
function shippedConfig(ports: Ports): SiteConfig {
  return {
    node: "node-1",
    timeZone: "Asia/Shanghai",
    cutOver: "23:00",
    listeners: listeners(ports),
    upstreams: [
      acquirer("acquirer", ports.acquirer, "iso87-ascii", "length2", "00010000"),
      acquirer("unionpay", ports.unionpay, "cup-pos", "cup-tpdu", "00020000"),
      {
        name: "wallet",
        kind: "wallet",
        url: `http://127.0.0.1:${ports.wallet}`,
        account: "demo-wallet",
        timeoutMs: 3000,
        breaker,
        advice,
        inquiry: { firstMs: 500, everyMs: 500, giveUpMs: 2000, undoNotBeforeMs: 0 }
      }
    ],
    routes: [
      { name: "codes", when: { channels: ["qr-customer", "qr-screen"] }, to: ["wallet"] },
      { name: "chips", when: { bins: ["62"], channels: ["contactless"] }, to: ["acquirer"] },
      { name: "cards", when: { bins: ["62"] }, to: ["unionpay", "acquirer"] },
      { name: "others", when: { bins: ["4", "5"] }, to: ["acquirer", "unionpay"] }
    ],
    terminalsFile: "terminals.csv",
    keyStore: {
      file: "keys.test.json",
      masterKey: { file: "test-master-key.hex" },
      test: true
    },
    journal: { path: "../data/journal", maxBytes: 16 * 1024 * 1024 },
    ledger: { dataPath: "../data/postgres" },
    admin: { port: ports.admin },
    public: {
      port: ports.public,
      accounts: [{
        name: "demo-wallet",
        scheme: "hmac",
        path: "/notify/demo-wallet",
        merchantId: "1900000109",
        secret: { file: "test-wallet-secret.txt" }
      }]
    },
    timeouts: { terminalMs: 8000, marginMs: 500, deliverGraceMs: 2000, drainMs: 8000 }
  }
}

const advice = { firstMs: 200, maxMs: 1000, timeoutMs: 1500 }

/** Breakers have tests of their own; here they would hide what is asked. */
const breaker = { minimumCalls: 10_000, failuresInARow: 10_000, slowMs: 2500 }

function listeners(ports: Ports): Array<Record<string, unknown>> {
  const patience = { firstMessageMs: 20_000, frameMs: 1000, maxFrameBytes: 2048 }
  return [
    {
      name: "terminals",
      port: ports.terminals,
      framing: "cup-tpdu",
      dialect: "cup-pos",
      ...patience
    },
    {
      name: "ascii-terminals",
      port: ports.ascii,
      framing: "length2",
      dialect: "iso87-ascii",
      ...patience
    },
    { name: "devices", kind: "devices", port: ports.devices, ...patience },
    { name: "notices", kind: "notifications", port: ports.notices, ...patience }
  ]
}

function acquirer(
  name: string,
  port: number,
  dialect: string,
  framing: string,
  acquirerId: string
): Record<string, unknown> {
  const other = dialect === "cup-pos" ? "iso87-ascii" : "cup-pos"
  return {
    name,
    dialect,
    framing,
    acquirerId,
    links: [{ port }],
    mappings: { [other]: `${other}-to-${dialect}` },
    timeoutMs: 3000,
    reconnect: { firstMs: 50, maxMs: 250 },
    breaker,
    advice
  }
}
