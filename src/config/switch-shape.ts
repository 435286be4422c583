/**
 * The configuration file, key by key: shape, default and one sentence each. The names are those of
 * `domain/config.ts`, and the compiler holds the two together. The reference is made from here.
 */

import type { HsmConfig } from "../domain/config.ts"
import { type Limit, limits } from "./limits.ts"
import { listenerShape } from "./listener-shape.ts"
import type { Settings } from "./loaded.ts"
import {
  accountShape,
  bounded,
  cutOverTime,
  filePath,
  host,
  name,
  port,
  reconnect,
  secretShape
} from "./part-shapes.ts"
import { routeShape } from "./route-shape.ts"
import {
  choice,
  defaulted,
  flag,
  list,
  optional,
  record,
  required,
  section,
  type Shape,
  table,
  text,
  wholeNumber
} from "./shape.ts"
import { upstreamShape } from "./upstream-shape.ts"

const hsm = record({
  file: required(
    filePath,
    "Key blocks under the module's own master key, as a key store document."
  ),
  links: required(
    list(
      record({
        host: defaulted(host, "127.0.0.1", "Address or name of a module."),
        port: defaulted(port, 1500, "Its host port.")
      }),
      1
    ),
    "The modules; all hold the same master key."
  ),
  privateLine: defaulted(
    flag,
    false,
    "Says that no stranger is on the way to them: they are spoken to in plain TCP."
  ),
  connections: bounded(limits.hsmConnections, "connections"),
  headerLength: defaulted(wholeNumber(1, 12), 4, "Characters of its message header."),
  window: bounded(limits.hsmWindow, "commands"),
  queue: bounded(limits.hsmQueue, "commands"),
  timeoutMs: bounded(limits.hsmTimeoutMs, "milliseconds"),
  connectTimeoutMs: bounded(limits.connectTimeoutMs, "milliseconds"),
  reconnect
}) satisfies Shape<HsmConfig>

const keyStore = record({
  file: defaulted(filePath, "keys.json", "Where working keys and master keys lie, enciphered."),
  url: optional(secretShape, "URL of a PostgreSQL database that holds them instead of the file."),
  auditFile: defaulted(
    filePath,
    "../data/keys-audit.jsonl",
    "Every use of the `keys` verbs, refused ones too, chained by hashes."
  ),
  masterKey: defaulted(
    secretShape,
    { env: "POINTSMAN_MASTER_KEY" },
    "The local master key, 32 bytes in hex, under which the store is enciphered."
  ),
  test: defaulted(flag, false, "The store holds published test keys; never in production."),
  parity: defaulted(
    choice(["require", "adjust", "ignore"]),
    "adjust",
    "Odd parity of DES keys that `keys import` joins: demanded, made, or left as it comes."
  ),
  aesCheckValue: defaulted(
    choice(["cmac", "ecb"]),
    "cmac",
    "Check values of AES keys that people compare: CMAC (X9.24-3), or an enciphered block."
  ),
  hsm: optional(hsm, "A host-command security module; absent: keys are used in this process.")
})

const journal = record({
  path: defaulted(filePath, "../data/journal", "Folder of the journal; one switch owns it."),
  maxBytes: bounded(limits.journalMaxBytes, "bytes"),
  mode: defaulted(
    choice(["strict", "outcome", "relaxed"]),
    "strict",
    "What is on disk before an answer leaves: all, the outcome, or nothing."
  ),
  unsafe: defaulted(flag, false, "Says that a mode other than `strict` is meant.")
})

const ledger = record({
  url: optional(secretShape, "URL of a PostgreSQL server; absent: an embedded one is started."),
  dataPath: defaulted(filePath, "../data/postgres", "Folder of the embedded server."),
  port: defaulted(port, 0, "Port of the embedded server on loopback; 0 takes a free one."),
  batchRows: bounded(limits.batchRows, "rows"),
  batchMs: bounded(limits.batchMs, "milliseconds"),
  replicaLagMs: bounded(limits.replicaLagMs, "milliseconds"),
  connections: bounded(limits.connections, ""),
  migrate: defaulted(
    choice(["auto", "refuse"]),
    "auto",
    "What happens to an older schema; a newer one is always refused."
  ),
  required: defaulted(flag, false, "Refuse to start while PostgreSQL is away."),
  panToken: optional(
    secretShape,
    "Key (64 hex digits) of a token of each card, so that its transactions are found together; " +
      "absent: none is made."
  )
})

const codec = record({
  workers: bounded(limits.workers, ""),
  queueFrames: bounded(limits.queueFrames, "frames")
})

const admin = record({
  host: defaulted(host, "127.0.0.1", "Address of the admin listener; it asks for no password."),
  port: defaulted(port, 8080, "Metrics, probes, console and the JSON API.")
})

const publicHttp = record({
  host: defaulted(host, "127.0.0.1", "Address of the public HTTP listener."),
  port: defaulted(port, 8081, "Webhooks of wallets, and pay pages; 1,000 connections at once."),
  url: optional(
    text("an http or https URL without a path", /^https?:\/\/[A-Za-z0-9.:_-]{1,200}$/),
    "Under which customers' phones reach it, for codes on screens; absent: its host and port."
  ),
  accounts: defaulted(list(accountShape), [], "Accounts at wallets that send notifications.")
})

const rate = (perSecond: Limit, burst: Limit, unit: string) =>
  record({ perSecond: bounded(perSecond, unit), burst: bounded(burst, unit) })

const sessions = record({
  echoAfterIdleMs: bounded(limits.sessionEchoAfterIdleMs, "milliseconds"),
  echoMisses: bounded(limits.sessionEchoMisses, "echoes"),
  maxPerAddress: bounded(limits.sessionsPerAddress, "sessions"),
  perAddress: optional(
    rate(limits.addressPerSecond, limits.addressBurst, "messages"),
    "What may come from one address, all its sessions together; above, they are read later."
  ),
  perTerminal: optional(
    rate(limits.terminalPerSecond, limits.terminalBurst, "transactions"),
    "What one terminal may ask for, beside its window; above, refused as overload."
  ),
  perMerchant: optional(
    rate(limits.merchantPerSecond, limits.merchantBurst, "transactions"),
    "What one merchant may ask for, all its terminals together; above, refused as overload."
  )
})

const timeouts = record({
  terminalMs: bounded(limits.terminalMs, "milliseconds"),
  marginMs: bounded(limits.marginMs, "milliseconds"),
  deliverGraceMs: bounded(limits.deliverGraceMs, "milliseconds"),
  drainMs: bounded(limits.drainMs, "milliseconds")
})

export const switchShape = record({
  node: defaulted(
    text("1 to 16 letters, digits or -", /^[A-Za-z0-9-]{1,16}$/),
    "node-1",
    "Name of this process among several; part of what it numbers."
  ),
  cutOver: defaulted(
    cutOverTime,
    "00:00",
    "Local time at which the business day ends."
  ),
  timeZone: defaulted(
    text("a time zone such as Asia/Shanghai", /^[A-Za-z0-9_+/-]{1,50}$/),
    "UTC",
    "IANA name; for cut-over and for local dates and times in messages."
  ),
  listeners: required(list(listenerShape, 1), "Where terminals and devices connect."),
  upstreams: required(list(upstreamShape, 1), "Who answers: acquirers and wallets."),
  routes: required(list(routeShape, 1), "Which transaction goes where.", "live"),
  registry: defaulted(
    choice(["file", "database"]),
    "file",
    "Who says which terminals exist: the terminals file, which PostgreSQL follows, or PostgreSQL " +
      "itself, of which the journal keeps a snapshot. `pointsman estate import` fills either."
  ),
  parameters: defaulted(
    table(name),
    {},
    "What terminals may download, by their group: parameters/<name>.yaml beside this file."
  ),
  terminalsFile: defaulted(
    filePath,
    "terminals.csv",
    "CSV of terminals; docs/operate/configuration.md has its columns.",
    "live"
  ),
  keyStore: section(keyStore, "Keys at rest."),
  journal: section(journal, "What is on disk before an answer leaves."),
  ledger: section(ledger, "PostgreSQL."),
  codec: section(codec, "The worker pool that decodes and checks MACs."),
  admin: section(admin, "HTTP for operators."),
  public: section(publicHttp, "HTTP for the outside."),
  sessions: section(sessions, "Sessions of terminals, on every listener."),
  timeouts: section(timeouts, "Deadlines; they nest: terminal > switch > upstream."),
  privateNetwork: defaulted(
    flag,
    false,
    "Says that peers outside loopback come over a private network: listeners may be plain TCP; " +
      "what we dial says so for itself, by its own `privateLine`."
  )
}) satisfies Shape<Settings>
