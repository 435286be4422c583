/**
 * Every limit that a configuration file may move, by name: what holds when the file says nothing,
 * how far it may be moved, and why it is where it is. What is not in the file has its maximum
 * beside the code that keeps it. `test/config/switch-shape.test.ts` asserts how they relate.
 */

export interface Limit {
  readonly least: number
  readonly usual: number
  readonly most: number
  /** One sentence for the reference. */
  readonly why: string
}

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB
const seconds = 1000
const minutes = 60 * seconds
const hours = 60 * minutes

const limit = (least: number, usual: number, most: number, why: string): Limit =>
  Object.freeze({ least, usual, most, why })

export const limits = {
  maxSessions: limit(1, 10_000, 60_000, "one address has 65,535 ports and a process so many files"),
  maxFrameBytes: limit(
    64,
    4 * KiB,
    65_535,
    "card messages stay below 2 KiB; a 2-byte length cannot say more than 65,535"
  ),
  firstMessageMs: limit(
    100,
    30 * seconds,
    10 * minutes,
    "a caller that connects and stays silent holds a place that a terminal needs"
  ),
  frameMs: limit(
    100,
    10 * seconds,
    2 * minutes,
    "a frame whose rest does not come is a broken line, or somebody who holds places"
  ),
  idleMs: limit(
    seconds,
    15 * minutes,
    24 * hours,
    "a silent session may be a dead one; terminals reconnect when they need to"
  ),
  maxPendingBytes: limit(
    4 * KiB,
    64 * KiB,
    16 * MiB,
    "a peer that does not read must not grow our memory"
  ),
  maxWrongMacs: limit(1, 3, 100, "a few wrong MACs are a changed key, many are an attempt"),
  maxBadMessages: limit(1, 10, 1000, "a terminal that never says anything readable is no terminal"),
  sessionEchoAfterIdleMs: limit(
    0,
    0,
    hours,
    "0 = never; many terminals answer no echo, and an idle session costs little"
  ),
  sessionEchoMisses: limit(1, 2, 10, "one lost echo is chance, two are a dead line"),
  sessionsPerAddress: limit(
    1,
    50_000,
    60_000,
    "a mobile network puts thousands of terminals behind one address; a fixed line only its own"
  ),
  addressPerSecond: limit(1, 1000, 1_000_000, "thousands of terminals may share an address"),
  addressBurst: limit(1, 5000, 1_000_000, "all of an address are back at once after an outage"),
  terminalPerSecond: limit(1, 2, 10_000, "a cashier sells every few seconds, a turnstile faster"),
  terminalBurst: limit(1, 20, 100_000, "what was kept while the line was down comes in one piece"),
  merchantPerSecond: limit(1, 20, 100_000, "a counter sells every few seconds, a chain has many"),
  merchantBurst: limit(1, 100, 1_000_000, "everybody pays at once when the film is over"),
  echoAfterIdleMs: limit(
    seconds,
    60 * seconds,
    hours,
    "a link that says nothing may be dead without anybody having been told"
  ),
  echoMinIntervalMs: limit(
    seconds,
    30 * seconds,
    hours,
    "hosts count frequent echoes as misbehaviour"
  ),
  echoMissesBeforeDown: limit(1, 2, 10, "one lost echo is chance, two are a dead link"),
  window: limit(1, 256, 10_000, "what is in flight on one link is in doubt when it breaks"),
  upstreamTimeoutMs: limit(
    100,
    25 * seconds,
    2 * minutes,
    "after this the customer is told that it failed, and a reversal is owed"
  ),
  connectTimeoutMs: limit(
    100,
    5 * seconds,
    minutes,
    "a connect across a country takes a tenth of a second; the rest is waiting for nobody"
  ),
  hsmConnections: limit(1, 4, 64, "a module serves its connections in parallel, up to its licence"),
  hsmWindow: limit(1, 16, 1000, "what is outstanding on a connection is lost when it breaks"),
  hsmQueue: limit(0, 1000, 100_000, "what waits longer than its time is better declined at once"),
  hsmTimeoutMs: limit(10, seconds, 30 * seconds, "a module answers in milliseconds or is sick"),
  reconnectFirstMs: limit(10, 500, minutes, "a peer that restarts is back within a second"),
  reconnectMaxMs: limit(
    100,
    30 * seconds,
    10 * minutes,
    "after an outage, links should stand within half a minute"
  ),
  breakerWindowMs: limit(
    100,
    10 * seconds,
    10 * minutes,
    "long enough for a rate, short enough that an outage shows within seconds"
  ),
  breakerMinimumCalls: limit(1, 20, 10_000, "below this a share says nothing"),
  breakerFailuresInARow: limit(
    1,
    5,
    10_000,
    "with few customers no share is reached; failures alone, over a window or longer, open it too"
  ),
  breakerSlowMs: limit(
    10,
    5 * seconds,
    2 * minutes,
    "an answer this late is one that terminals begin to give up on; an echo waits no longer"
  ),
  breakerOpenMs: limit(10, 5 * seconds, 10 * minutes, "most troubles of a host pass in seconds"),
  breakerMaxOpenMs: limit(
    10,
    60 * seconds,
    hours,
    "after an outage nobody should wait longer than a minute for the next try"
  ),
  probesToClose: limit(1, 3, 100, "one good answer may be luck"),
  adviceFirstMs: limit(100, seconds, 10 * minutes, "most reversals fail once because the link did"),
  adviceMaxMs: limit(
    100,
    60 * seconds,
    hours,
    "money is in doubt until the reversal is taken, so the pace never falls below this"
  ),
  adviceTimeoutMs: limit(100, 15 * seconds, 2 * minutes, "an unanswered advice is sent again"),
  alertAfterAttempts: limit(1, 6, 1000, "hosts ask for a human after about six refusals"),
  expireAfterMs: limit(
    minutes,
    72 * hours,
    30 * 24 * hours,
    "after a weekend a reversal is no longer taken and belongs to a human"
  ),
  inquiryFirstMs: limit(100, 2 * seconds, minutes, "a customer needs a moment to unlock a phone"),
  inquiryEveryMs: limit(500, 3 * seconds, minutes, "wallets slow down who asks more often"),
  inquiryGiveUpMs: limit(
    seconds,
    25 * seconds,
    10 * minutes,
    "a cashier does not wait longer for a customer's password; a request ends with timeoutMs anyway"
  ),
  undoNotBeforeMs: limit(
    0,
    15 * seconds,
    10 * minutes,
    "wallets refuse to undo an order that is seconds old"
  ),
  journalMaxBytes: limit(
    16 * MiB,
    4 * GiB,
    1024 * GiB,
    "space is taken at once, so that a full disk is found at start and not at night"
  ),
  batchRows: limit(1, 500, 5000, "above 500 rows a batch only grows its latency"),
  batchMs: limit(1, 50, 10 * seconds, "how far behind an analyst's view may be when load is low"),
  replicaLagMs: limit(
    0,
    5 * seconds,
    hours,
    "a replica that takes over lacks the last rows; the journal keeps them twice as long"
  ),
  connections: limit(1, 4, 64, "one connection writes 27,000 rows a second"),
  workers: limit(0, 1, 64, "one loop feeds a few workers; 0 decodes everything in place"),
  queueFrames: limit(
    64,
    8192,
    1_000_000,
    "more than this waiting for a worker would miss its deadline anyway"
  ),
  replayWindowMs: limit(
    seconds,
    5 * minutes,
    hours,
    "a notification older than this is a repeat or a forgery"
  ),
  terminalMs: limit(
    seconds,
    60 * seconds,
    10 * minutes,
    "what terminals wait before they reverse on their own"
  ),
  marginMs: limit(
    100,
    2 * seconds,
    minutes,
    "our own share, and two networks', between the upstream's end and the terminal's"
  ),
  deliverGraceMs: limit(
    0,
    30 * seconds,
    10 * minutes,
    "a terminal that lost its line dials again within half a minute"
  ),
  drainMs: limit(
    0,
    30 * seconds,
    10 * minutes,
    "longer than any upstream takes, shorter than an orchestrator's patience"
  )
} as const satisfies Readonly<Record<string, Limit>>

/** Bytes that sessions may hold together at the worst; `check` refuses a file that allows more. */
export const sessionMemoryBytes = 8 * GiB

/** A configuration file or a file that it names: larger ones are refused unread. */
export const maxFileBytes = 64 * MiB
