/**
 * The embedded PostgreSQL server: started, watched, restarted, and stopped with its scope. What
 * must hold: one server a cluster; the server of a killed switch is adopted, not fought; a server
 * that ends is started again for as long as the switch lives; every failure to start has one line
 * of advice.
 */

import { Context, Deferred, Effect, Layer } from "effect"
import type { ChildProcess } from "node:child_process"
import { readFileSync } from "node:fs"
import { createServer } from "node:net"
import { LedgerUnusable } from "../domain/ports/ledger.ts"
import { Random } from "../domain/ports/time.ts"
import {
  disown,
  homePaths,
  lastLine,
  otherOwner,
  own,
  type PidFile,
  prepareHome,
  readPidFile,
  removePidFile,
  serverArguments,
  type ServerHome
} from "./server-home.ts"
import { servesCluster, signalProcess, startServer } from "./server-process.ts"

interface EmbeddedOptions {
  readonly dataPath: string
  /** 0: that of the server which runs there already, else a free one. */
  readonly port: number
  /** False only for tests and benches: what the machine loses at a power cut does not matter. */
  readonly durable: boolean
  /** True: a server that cannot start fails the layer. False: it is tried again for ever. */
  readonly required: boolean
}

interface EmbeddedServerShape {
  readonly port: number
  readonly passwordFile: () => string | undefined
  readonly pid: () => number | undefined
  /** Starts after the first. */
  readonly restarts: () => number
  /** True when the running server is one that a killed switch left behind. */
  readonly adopted: () => boolean
}

export class EmbeddedServer extends Context.Service<EmbeddedServer, EmbeddedServerShape>()(
  "pointsman/ledger/EmbeddedServer"
) {}

interface Running {
  readonly pid: number
  readonly adopted: boolean
  /** Undefined for an adopted server. */
  readonly child: ChildProcess | undefined
}

interface Watch {
  home: ServerHome | undefined
  running: Running | undefined
  starts: number
}

const pollMs = 25
const startPolls = 2400
const stopPolls = 600
/** How long the start waits for a server that it can do without. */
const welcomeMs = 10_000
const firstPauseMs = 100
const maxPauseMs = 5000

export const embeddedServerLayer = (options: EmbeddedOptions) =>
  Layer.effect(
    EmbeddedServer,
    Effect.gen(function*() {
      const random = yield* Random
      const found = runningServer(options.dataPath)?.port
      const port = options.port !== 0 ? options.port : found ?? (yield* freePort)
      const watch: Watch = { home: undefined, running: undefined, starts: 0 }
      const first = yield* Deferred.make<void, LedgerUnusable>()
      const secret = () => Buffer.from(random.bytes(24)).toString("base64url")
      const bringUp = Effect.gen(function*() {
        watch.home ??= yield* prepareHome(options.dataPath, options.durable, secret)
        watch.running = yield* start(watch.home, port, options.durable)
        watch.starts++
        return watch.running
      })
      yield* Effect.addFinalizer(() => stop(watch))
      yield* keepUp(watch, bringUp, first).pipe(Effect.forkScoped)
      const started = Deferred.await(first)
      yield* options.required ? started : Effect.timeoutOption(started, welcomeMs).pipe(
        Effect.catchTag("LedgerUnusable", ({ advice, reason }) =>
          Effect.logError("postgres-unusable", { reason, advice }))
      )
      return EmbeddedServer.of({
        port,
        passwordFile: () =>
          watch.home?.passwordFile,
        pid: () => watch.running?.pid,
        restarts: () => Math.max(0, watch.starts - 1),
        adopted: () => watch.running?.adopted ?? false
      })
    })
  )

/**
 * For whoever only asks: the server that runs already, left as it is found; else one that is
 * started and ends with the scope.
 */
export const visitedServerLayer = (options: EmbeddedOptions) =>
  Layer.unwrap(Effect.sync(() => {
    const running = runningServer(options.dataPath)
    if (running === undefined) return embeddedServerLayer(options)
    return Layer.succeed(
      EmbeddedServer,
      EmbeddedServer.of({
        port: running.port,
        passwordFile: () => homePaths(options.dataPath).passwordFile,
        pid: () => running.pid,
        restarts: () => 0,
        adopted: () => false
      })
    )
  }))

/** The server that serves this folder now, whoever started it. */
function runningServer(dataPath: string): PidFile | undefined {
  const { cluster } = homePaths(dataPath)
  const file = readPidFile(cluster)
  return file !== undefined && servesCluster(file.pid, cluster) ? file : undefined
}

/** Starts, waits for the end, and starts again; the pause grows while starting fails. */
const keepUp = Effect.fnUntraced(function*(
  watch: Watch,
  bringUp: Effect.Effect<Running, LedgerUnusable>,
  first: Deferred.Deferred<void, LedgerUnusable>
) {
  let pauseMs = firstPauseMs
  while (true) {
    const result = yield* Effect.result(bringUp)
    yield* Deferred.complete(
      first,
      result._tag === "Success" ? Effect.void : Effect.fail(result.failure)
    )
    if (result._tag === "Success") {
      pauseMs = firstPauseMs
      yield* ended(result.success, watch)
      watch.running = undefined
      yield* Effect.logError("postgres-ended")
    } else {
      yield* Effect.logError("postgres-not-started", { advice: result.failure.advice })
    }
    yield* Effect.sleep(pauseMs)
    pauseMs = Math.min(maxPauseMs, pauseMs * 2)
  }
})

/** Adopts a server that runs already on the right port; stops one on another; else starts one. */
const start = Effect.fnUntraced(function*(home: ServerHome, port: number, durable: boolean) {
  const other = otherOwner(home)
  if (other !== undefined) {
    return yield* new LedgerUnusable({
      reason: "owned",
      advice: `process ${other.split(" ")[0]} runs the server in ${home.folder}: end it, or set ` +
        "ledger.dataPath to a folder of this switch's own"
    })
  }
  own(home)
  const orphan = readPidFile(home.cluster)
  if (orphan !== undefined && servesCluster(orphan.pid, home.cluster)) {
    if (orphan.port === port) {
      yield* Effect.logInfo("postgres-adopted", { pid: orphan.pid })
      const running: Running = { pid: orphan.pid, adopted: true, child: undefined }
      yield* ready(home, running, port)
      return running
    }
    yield* end(home, orphan.pid)
  } else if (orphan !== undefined) removePidFile(home.cluster)
  if (!(yield* isFree(port))) {
    return yield* new LedgerUnusable({
      reason: "port-taken",
      advice: `port ${port} is taken: set ledger.port to a free one`
    })
  }
  const args = serverArguments(home, port, durable)
  const child = startServer(home.account, home.binaries.postgres, args, home.logFile)
  const running: Running = { pid: child.pid ?? -1, adopted: false, child }
  child.on("error", () => undefined)
  // Nobody knows of it yet who would end it.
  yield* Effect.onInterrupt(ready(home, running, port), () => end(home, running.pid))
  return running
})

const alive = ({ child, pid }: Running, cluster: string): boolean =>
  child === undefined
    ? servesCluster(pid, cluster)
    : child.pid !== undefined && child.exitCode === null && child.signalCode === null

/** Waits until the pid file says `ready`; recovery after a crash may take a while. */
const ready = Effect.fnUntraced(function*(home: ServerHome, running: Running, port: number) {
  for (let poll = 0; poll < startPolls; poll++) {
    const file: PidFile | undefined = readPidFile(home.cluster)
    if (file?.ready === true && file.pid === running.pid && file.port === port) return
    if (!alive(running, home.cluster)) {
      return yield* new LedgerUnusable({
        reason: "not-ready",
        advice: `PostgreSQL ended at its start (${reasonIn(home)}); see ${home.logFile}`
      })
    }
    yield* Effect.sleep(pollMs)
  }
  return yield* new LedgerUnusable({
    reason: "not-ready",
    advice: `PostgreSQL did not become ready in a minute; see ${home.logFile}`
  })
})

function reasonIn(home: ServerHome): string {
  try {
    return lastLine(readFileSync(home.logFile, "utf8").slice(-4096))
  } catch {
    return "no log"
  }
}

const ended = (running: Running, watch: Watch): Effect.Effect<void> =>
  running.child === undefined
    ? Effect.gen(function*() {
      while (alive(running, watch.home?.cluster ?? "")) yield* Effect.sleep(pollMs * 10)
    })
    : Effect.callback<void>((resume) => {
      const child = running.child as ChildProcess
      if (!alive(running, "")) resume(Effect.void)
      else child.once("exit", () => resume(Effect.void))
    })

/** What was started or adopted ends with us. */
const stop = (watch: Watch): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { home, running } = watch
    if (home === undefined) return Effect.void
    const ending = running === undefined ? Effect.void : end(home, running.pid)
    return Effect.ensuring(ending, Effect.sync(() => disown(home)))
  })

/** Fast shutdown: open transactions are rolled back, what was committed is checkpointed. */
const end = Effect.fnUntraced(function*(home: ServerHome, pid: number) {
  signalProcess(pid, "SIGINT")
  for (let poll = 0; poll < stopPolls; poll++) {
    if (!servesCluster(pid, home.cluster)) return
    yield* Effect.sleep(pollMs)
  }
  signalProcess(pid, "SIGQUIT")
})

const listening = (port: number) =>
  Effect.callback<number | undefined>((resume) => {
    const server = createServer()
    server.once("error", () => resume(Effect.succeed(undefined)))
    server.listen(port, "127.0.0.1", () => {
      const address = server.address()
      const got = typeof address === "object" && address !== null ? address.port : undefined
      server.close(() => resume(Effect.succeed(got)))
    })
  })

const isFree = (port: number) => Effect.map(listening(port), (got) => got !== undefined)

const freePort = Effect.map(listening(0), (got) => got ?? 0)
