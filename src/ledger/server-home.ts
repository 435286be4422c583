/**
 * The folder of the embedded server: `cluster` (PostgreSQL's own), `password` (made once, never
 * shown), `server.log`. What must hold: everything in it belongs to the user that runs the server;
 * a folder that was prepared only half is prepared again; the socket's folder is the cluster.
 */

import { Effect } from "effect"
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { findPackageJSON } from "node:module"
import { dirname, join, resolve } from "node:path"
import { LedgerUnusable } from "../domain/ports/ledger.ts"
import { type ServerAccount, serverAccount } from "./server-account.ts"
import {
  type Binaries,
  binariesPackage,
  isRunning,
  processName,
  runToEnd
} from "./server-process.ts"

export const database = "pointsman"
export const superuser = "pointsman"

interface HomePaths {
  readonly folder: string
  readonly cluster: string
  readonly passwordFile: string
  readonly logFile: string
  /** Names the process of the switch that runs the server. */
  readonly ownerFile: string
}

export function homePaths(dataPath: string): HomePaths {
  const folder = resolve(dataPath)
  return {
    folder,
    cluster: join(folder, "cluster"),
    passwordFile: join(folder, "password"),
    logFile: join(folder, "server.log"),
    ownerFile: join(folder, "owner")
  }
}

/** The switch that runs this server, other than this one; undefined: it may be taken. */
export function otherOwner({ ownerFile }: HomePaths): string | undefined {
  try {
    const name = readFileSync(ownerFile, "utf8")
    return name !== processName() && isRunning(name) ? name : undefined
  } catch {
    return undefined
  }
}

export function own({ ownerFile }: HomePaths): void {
  writeFileSync(ownerFile, processName(), { mode: 0o600 })
}

export interface ServerHome extends HomePaths {
  readonly account: ServerAccount
  readonly binaries: Binaries
}

/** A log above this size is emptied at the next start. */
const maxLogBytes = 8 * 1024 * 1024

/** The longest path that a Unix socket can have on every platform. */
const maxSocketPath = 100

const unusable = (reason: string, advice: string) => new LedgerUnusable({ reason, advice })

/** Finds the programs, makes the folders and, the first time, the cluster and its database. */
export const prepareHome = Effect.fnUntraced(function*(
  dataPath: string,
  durable: boolean,
  secret: () => string
) {
  const binaries = yield* findBinaries
  const paths = homePaths(dataPath)
  const { folder } = paths
  const account = yield* Effect.try({
    try: () => {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      return serverAccount(folder, binaries.postgres)
    },
    catch: (error) => unusable("folder", `make ${folder} writable: ${(error as Error).message}`)
  })
  if (typeof account === "string") return yield* unusable("account", account)
  const home: ServerHome = { ...paths, account, binaries }
  giveTo(home, folder)
  if (existsSync(home.logFile) && statSync(home.logFile).size > maxLogBytes) {
    truncateSync(home.logFile)
  }
  if (!existsSync(home.cluster)) yield* makeCluster(home, durable, secret())
  return home
})

const findBinaries = Effect.suspend(() => {
  const name = binariesPackage()
  const file = findPackage(name)
  const folder = join(dirname(file ?? ""), "native", "bin")
  const binaries: Binaries = {
    initdb: join(folder, "initdb"),
    postgres: join(folder, "postgres")
  }
  const found = file !== undefined && existsSync(binaries.postgres) && existsSync(binaries.initdb)
  return found
    ? Effect.succeed(binaries)
    : Effect.fail(unusable("binaries", `install ${name}, or set ledger.url to a server of yours`))
})

function findPackage(name: string): string | undefined {
  try {
    return findPackageJSON(name, import.meta.url)
  } catch {
    return undefined
  }
}

/** Made beside its final place and moved there when complete. */
const makeCluster = Effect.fnUntraced(function*(
  home: ServerHome,
  durable: boolean,
  password: string
) {
  const half = `${home.cluster}.new`
  rmSync(half, { recursive: true, force: true })
  writeFileSync(home.passwordFile, `${password}\n`, { mode: 0o600 })
  giveTo(home, home.passwordFile)
  const initdb = yield* Effect.promise(() =>
    runToEnd(home.account, home.binaries.initdb, [
      `--pgdata=${half}`,
      `--username=${superuser}`,
      `--pwfile=${home.passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale-provider=builtin",
      "--locale=C.UTF-8",
      "--no-instructions",
      ...(durable ? [] : ["--no-sync"])
    ], "")
  )
  if (!initdb.ok) {
    return yield* unusable("initdb", `initdb failed: ${lastLine(initdb.said)}`)
  }
  const made = yield* Effect.promise(() =>
    runToEnd(
      home.account,
      home.binaries.postgres,
      ["--single", "-D", half, "postgres"],
      `create database ${database}\n`
    )
  )
  if (!made.ok) return yield* unusable("initdb", `no database: ${lastLine(made.said)}`)
  renameSync(half, home.cluster)
})

/** Ours no longer: another switch may take the server. */
export function disown({ ownerFile }: HomePaths): void {
  try {
    if (readFileSync(ownerFile, "utf8") === processName()) rmSync(ownerFile)
  } catch {
    // Never owned.
  }
}

function giveTo(home: ServerHome, path: string): void {
  const { gid, uid } = home.account
  if (uid === undefined || gid === undefined) return
  chownSync(path, uid, gid)
  if (path === home.folder) chmodSync(path, 0o700)
}

/** Arguments of the server. Statement texts and parameters never reach its log. */
export function serverArguments(
  home: ServerHome,
  port: number,
  durable: boolean
): ReadonlyArray<string> {
  const socketFolder = home.cluster.length <= maxSocketPath - 16 ? home.cluster : ""
  const settings: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: socketFolder,
    max_connections: "60",
    max_wal_size: "2GB",
    checkpoint_timeout: "15min",
    jit: "off",
    // Enough to choose an index. ANALYZE of a day that grows, once a minute at first, reads 3,000
    // rows of it instead of 30,000: a tenth of the time, on the cores that the switch has.
    default_statistics_target: "10",
    timezone: "UTC",
    log_timezone: "UTC",
    log_min_error_statement: "panic",
    // A refused statement's error shows what it held; the writer logs its SQLSTATE.
    log_min_messages: "log",
    log_parameter_max_length: "0",
    log_parameter_max_length_on_error: "0",
    log_checkpoints: "off",
    ...(durable ? {} : { fsync: "off", full_page_writes: "off" })
  }
  return [
    "-D",
    home.cluster,
    "-p",
    String(port),
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
  ]
}

export interface PidFile {
  readonly pid: number
  readonly port: number
  readonly ready: boolean
}

/** `postmaster.pid`: pid, folder, start, port, socket folder, address, shared memory, status. */
export function readPidFile(cluster: string): PidFile | undefined {
  try {
    const lines = readFileSync(join(cluster, "postmaster.pid"), "utf8").split("\n")
    const pid = Number(lines[0])
    if (!Number.isInteger(pid) || pid <= 1) return undefined
    return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === "ready" }
  } catch {
    return undefined
  }
}

/** A pid file that names no server of ours would keep a new one from starting. */
export function removePidFile(cluster: string): void {
  rmSync(join(cluster, "postmaster.pid"), { force: true })
}

/** The last error that the server wrote, for the operator. */
export function lastLine(text: string): string {
  const lines = text.trim().split("\n")
  const told = lines.findLast((line) => /FATAL|PANIC|ERROR|error/.test(line)) ?? lines.at(-1) ?? ""
  return told.replace(/^.*?(FATAL|PANIC|ERROR):\s*/, "")
}
