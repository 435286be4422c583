/**
 * A switch of the bench: a folder of its own with configuration, terminals, journal and embedded
 * PostgreSQL, and the process that runs on it. Must hold: nothing of it outlives the bench; the
 * journal is strict and the database durable, as in production.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { visitorDatabaseLayer } from "../../src/ledger/ledger.ts"
import { machineClock } from "../../src/listen/machine-time.ts"
import { type KeyStore, openKeyStore, readMasterKey } from "../../src/security/key-store.ts"
import { isFault, type SecurityFault } from "../../src/security/security-fault.ts"
import type { TerminalKey } from "./orders.ts"
import { rooted, type Running, startNode } from "./processes.ts"
import { ready } from "./scrape.ts"

const masterKeyName = "tmk-demo"
const deviceKeyName = "mak-Q0000001"
const readyWithinMs = 60_000

/** Terminals whose keys come with their sign-on. */
export function terminalKeys(count: number): Array<TerminalKey> {
  const masterKey = masterKeyHex()
  return Array.from({ length: count }, (_, index) => ({
    terminal: `T${String(index + 1).padStart(7, "0")}`,
    merchant: `M${String(index + 1).padStart(14, "0")}`,
    macKey: "0123456789ABCDEFFEDCBA9876543210",
    masterKey
  }))
}

function right<A>(result: A | SecurityFault): A {
  if (isFault(result)) throw new Error(result.code)
  return result
}

function testStore(): KeyStore {
  const config = rooted("config")
  const master = right(readMasterKey(readFileSync(join(config, "test-master-key.hex"), "utf8")))
  return right(openKeyStore(readFileSync(join(config, "keys.test.json")), master))
}

function keyHex(name: string): string {
  const store = testStore()
  const stored = store.current(name)
  if (stored === undefined) throw new Error(`the test keys lack ${name}`)
  return Buffer.from(right(store.unwrap(stored)).key).toString("hex")
}

function masterKeyHex(): string {
  return keyHex(masterKeyName)
}

/** What every device of a site shares with the switch, for its hello. */
export function sharedDeviceKey(): string {
  return keyHex(deviceKeyName)
}

/** The test keys, and the one of a test device for each of these. */
function storeOfDevices(terminals: ReadonlyArray<TerminalKey>): string {
  const store = testStore()
  const stored = store.current(deviceKeyName)
  if (stored === undefined) throw new Error(`the test keys lack ${deviceKeyName}`)
  const keys = new Map(store.keys.map((key) => [`${key.name} ${key.version}`, key]))
  for (const { terminal } of terminals) {
    keys.set(`mak-${terminal} 1`, { ...stored, name: `mak-${terminal}` })
  }
  return store.with([...keys.values()]).serialise()
}

interface SiteOptions {
  readonly terminals: ReadonlyArray<TerminalKey>
  /** Identity and kind of line of these terminals: card terminals, or devices that say hello. */
  readonly identity?: "sign-on" | "hello"
  readonly upstreamPort: number
  readonly workers: number
  /** A second listener for the same terminals, over TLS. */
  readonly tls?: boolean
  readonly nodeFlags?: ReadonlyArray<string>
  /** Accounts at wallets, and the files that their secrets lie in. */
  readonly accounts?: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly secrets?: Readonly<Record<string, string>>
  /** Instead of an embedded PostgreSQL. */
  readonly ledger?: Readonly<Record<string, unknown>>
}

export interface Site {
  readonly folder: string
  readonly configPath: string
  readonly port: number
  readonly tlsPort: number
  readonly devicePort: number
  readonly adminPort: number
  readonly publicPort: number
  readonly start: () => Promise<Running>
  /** Rows of the ledger's table of transactions. */
  readonly rows: () => Promise<number>
  readonly remove: () => void
}

/** Free ports of loopback, held at once so that they differ. */
export async function freePorts(count: number): Promise<Array<number>> {
  const servers = await Promise.all(
    Array.from({ length: count }, () =>
      new Promise<ReturnType<typeof createServer>>((resolve) => {
        const server = createServer()
        server.listen(0, "127.0.0.1", () => resolve(server))
      }))
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

const testTls = { keyFile: "test-tls.key", certificateFile: "test-tls.pem" }

export async function makeSite(options: SiteOptions): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), "pointsman-bench-"))
  // PostgreSQL runs as a user of its own where this process is root, and must find its folder.
  chmodSync(folder, 0o755)
  cpSync(rooted("config"), folder, { recursive: true })
  const [port = 0, devicePort = 0, adminPort = 0, publicPort = 0, tlsPort = 0] = await freePorts(5)
  const configPath = join(folder, "bench.yaml")
  const listening = options.identity === "hello"
    ? { name: "devices", kind: "devices", port: devicePort, maxFrameBytes: 2048 }
    : { name: "terminals", port, framing: "cup-tpdu", dialect: "cup-pos", maxSessions: 60_000 }
  const secure = { ...listening, name: "terminals-tls", port: tlsPort, tls: testTls }
  const config = {
    node: "bench",
    timeZone: "Asia/Shanghai",
    listeners: options.tls === true ? [listening, secure] : [listening],
    upstreams: [{
      name: "unionpay",
      dialect: "cup-pos",
      framing: "cup-tpdu",
      links: [{ port: options.upstreamPort }, { port: options.upstreamPort }],
      window: 2048,
      signOn: false,
      echoAfterIdleMs: 3_600_000,
      acquirerId: "00020000"
    }],
    routes: [{ name: "cards", to: ["unionpay"] }],
    terminalsFile: "bench.csv",
    keyStore: { file: "keys.test.json", masterKey: { file: "test-master-key.hex" }, test: true },
    journal: { path: "journal", maxBytes: 1_073_741_824 },
    ledger: options.ledger ?? { dataPath: "postgres" },
    codec: { workers: options.workers },
    admin: { port: adminPort },
    public: { port: publicPort, accounts: options.accounts ?? [] }
  }
  // JSON is YAML.
  writeFileSync(configPath, JSON.stringify(config, undefined, 2))
  writeFileSync(join(folder, "bench.csv"), estate(options))
  for (const [file, text] of Object.entries(options.secrets ?? {})) {
    writeFileSync(join(folder, file), text)
  }
  if (options.identity === "hello") {
    writeFileSync(join(folder, "keys.test.json"), storeOfDevices(options.terminals))
  }
  return {
    folder,
    configPath,
    port,
    tlsPort,
    devicePort,
    adminPort,
    publicPort,
    start: async () => {
      const flags = options.nodeFlags ?? []
      const running = startNode("src/main.ts", ["start", "--config", configPath], {
        nodeFlags: flags
      })
      try {
        await ready(adminPort, readyWithinMs)
      } catch (cause) {
        throw new Error(running.said(), { cause })
      }
      return running
    },
    rows: () => countRows(join(folder, "postgres")),
    remove: () => rmSync(folder, { recursive: true, force: true })
  }
}

function estate({ identity = "sign-on", terminals }: SiteOptions): string {
  const head = "terminal,merchant,group,identity,category,masterKey,macRequired,window,counter"
  const lines = terminals.map(({ merchant, terminal }) =>
    identity === "hello"
      ? `${terminal},${merchant},qr,hello,5411,,no,4,C${terminal}`
      : `${terminal},${merchant},cup,sign-on,5411,${masterKeyName},yes,4,`
  )
  return `${head}\n${lines.join("\n")}\n`
}

function countRows(dataPath: string): Promise<number> {
  const database = visitorDatabaseLayer({
    dataPath,
    port: 0,
    batchRows: 500,
    batchMs: 50,
    replicaLagMs: 0,
    connections: 2,
    migrate: "refuse",
    required: true
  }).pipe(Layer.provide(machineClock))
  const question = Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const [row] = yield* sql<{ rows: string }>`SELECT count(*)::text AS rows FROM transactions`
    return Number(row?.rows ?? 0)
  })
  return Effect.runPromise(Effect.scoped(Effect.provide(question, database)))
}
