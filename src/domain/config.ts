/**
 * The configuration as the stations see it: checked, defaulted, references not yet resolved into
 * secrets. `config/` reads it from YAML; the names here are the names in the file, in camel case.
 */

import type { Channel } from "./channel.ts"
import type { Kind } from "./kind.ts"
import type { PinFormat } from "./ports/security-module.ts"
import type { TlsOptions } from "./ports/transport.ts"
import type { RouteTarget } from "./route-target.ts"

/** A secret is never in the file: it is named there. */
export type SecretReference = { readonly file: string } | { readonly env: string }

export interface SwitchConfig {
  /** Grows with every applied reload; starts at 1. */
  readonly version: number
  readonly node: string
  /** `HH:MM`, local time: when the business day ends. */
  readonly cutOver: string
  /** IANA name, for cut-over and field 12/13. */
  readonly timeZone: string
  readonly listeners: ReadonlyArray<ListenerConfig>
  readonly upstreams: ReadonlyArray<UpstreamConfig>
  readonly routes: ReadonlyArray<RouteConfig>
  /** Who says which terminals exist: the terminals file, or PostgreSQL. */
  readonly registry: "file" | "database"
  /** Groups of terminals, and the name of the file with what they may download. */
  readonly parameters: Readonly<Record<string, string>>
  /** CSV of terminals; not read where the registry is PostgreSQL. */
  readonly terminalsFile: string
  readonly keyStore: {
    readonly file: string
    /** A PostgreSQL database that holds the store; absent: the file. */
    readonly url?: SecretReference
    /** Every use of the `keys` verbs, a line each. */
    readonly auditFile: string
    readonly masterKey: SecretReference
    readonly test: boolean
    /** Of DES keys that people bring in: demanded odd, made odd, or left as they come. */
    readonly parity: "require" | "adjust" | "ignore"
    /** Form of AES check values that the `keys` verbs show officers and compare. */
    readonly aesCheckValue: "cmac" | "ecb"
    /** Absent: the software module. */
    readonly hsm?: HsmConfig
  }
  readonly journal: JournalConfig
  readonly ledger: LedgerConfig
  readonly codec: { readonly workers: number; readonly queueFrames: number }
  readonly admin: { readonly host: string; readonly port: number }
  readonly public: {
    readonly host: string
    readonly port: number
    /** How the outside names this listener, without a path; absent: `http://host:port`. */
    readonly url?: string
    readonly accounts: ReadonlyArray<AccountConfig>
  }
  readonly sessions: SessionConfig
  readonly timeouts: TimeoutConfig
  /** Network peers that we trust to be a private network: a plain listener elsewhere is refused. */
  readonly privateNetwork: boolean
}

/** A host-command security module: working keys and PINs stay in it. */
export interface HsmConfig {
  /** A key store document whose blocks are under the module's own master key. */
  readonly file: string
  readonly links: ReadonlyArray<{ readonly host: string; readonly port: number }>
  /** No stranger is on the way: commands go in plain TCP, which is refused elsewhere. */
  readonly privateLine: boolean
  /** To each of the links' addresses. */
  readonly connections: number
  /** Characters of the message header. */
  readonly headerLength: number
  /** Commands outstanding on one connection, and waiting beyond that. */
  readonly window: number
  readonly queue: number
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  readonly reconnect: { readonly firstMs: number; readonly maxMs: number }
}

export interface ListenerConfig {
  readonly name: string
  /** `iso8583`: terminals. `devices`: MessagePack devices. `notifications`: MessagePack notices. */
  readonly kind: "iso8583" | "devices" | "notifications"
  readonly host: string
  readonly port: number
  /** Name of a framing description and of a dialect; ignored for MessagePack listeners. */
  readonly framing: string
  readonly dialect: string
  readonly tls?: TlsOptions
  /**
   * Addresses of balancers, which must open with a PROXY protocol header; then nobody else may
   * connect.
   */
  readonly balancers?: ReadonlyArray<string>
  /** Addresses and networks that may connect; absent: all. Behind balancers, whom they name. */
  readonly allow?: ReadonlyArray<string>
  readonly maxSessions: number
  readonly maxFrameBytes: number
  readonly firstMessageMs: number
  readonly frameMs: number
  readonly idleMs: number
  /** Pending bytes towards one peer: above, the session is quarantined, then cut. */
  readonly maxPendingBytes: number
  /** Wrong MACs in a row, and bad messages in a row, that end a session. */
  readonly maxWrongMacs: number
  readonly maxBadMessages: number
}

/** What holds for terminals' sessions on every listener. */
interface SessionConfig {
  /** Silence after which the switch asks a terminal for an echo; 0: it never does. */
  readonly echoAfterIdleMs: number
  /** Echoes that may stay unanswered before the session ends. */
  readonly echoMisses: number
  /** Sessions of one address, on all listeners together. */
  readonly maxPerAddress: number
  /** Messages of one address, above which its sockets are read later; absent: no bound. */
  readonly perAddress?: { readonly perSecond: number; readonly burst: number }
  /** Transactions of one terminal; absent: its window alone. */
  readonly perTerminal?: { readonly perSecond: number; readonly burst: number }
  /** Transactions of one merchant, whatever its terminals; absent: no bound of its own. */
  readonly perMerchant?: { readonly perSecond: number; readonly burst: number }
}

/** TLS towards an upstream; absent files: the system's authorities, and no certificate of ours. */
export interface LinkTls {
  readonly authorityFile?: string
  readonly serverName?: string
  readonly certificateFile?: string
  readonly keyFile?: string
}

export interface UpstreamConfig {
  readonly name: string
  readonly kind: "iso8583" | "wallet"
  readonly links: ReadonlyArray<{ readonly host: string; readonly port: number }>
  /** ISO 8583 only. */
  readonly framing: string
  readonly dialect: string
  /** Mapping name by terminal dialect; the same dialect needs none. */
  readonly mappings: Readonly<Record<string, string>>
  /** Present: every link is TLS. */
  readonly tls?: LinkTls
  /** No stranger is on the way: plain TCP or http outside loopback is refused elsewhere. */
  readonly privateLine: boolean
  /** Our acquirer id in field 32. */
  readonly acquirerId: string
  /** `HH:MM`, local: its business day ends then. Absent: with the house's. */
  readonly cutOver?: string
  /** Name in the key store: MACs are made and checked under it. Absent: none are. */
  readonly macKey?: string
  /**
   * The zone PIN key by its name, and the format of blocks under it. Absent: PINs stay behind, but
   * leave as they came within one dialect.
   */
  readonly pin?: { readonly key: string; readonly format: PinFormat }
  readonly signOn: boolean
  readonly echoAfterIdleMs: number
  readonly echoMinIntervalMs: number
  readonly echoMissesBeforeDown: number
  /** Requests in flight per link; a share of it may be advices. */
  readonly window: number
  readonly adviceShare: number
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  readonly reconnect: { readonly firstMs: number; readonly maxMs: number }
  readonly breaker: BreakerConfig
  readonly advice: AdviceConfig
  /** Wallet upstreams: account name in `public.accounts`, base URL. */
  readonly account?: string
  readonly url?: string
  readonly inquiry?: {
    readonly firstMs: number
    readonly everyMs: number
    readonly giveUpMs: number
    readonly undoNotBeforeMs: number
  }
}

export interface BreakerConfig {
  readonly windowMs: number
  readonly minimumCalls: number
  /** Where fewer come: this many failures in a row, over a window or longer, open it as well. */
  readonly failuresInARow: number
  /** Shares between 0 and 1. */
  readonly failureShare: number
  readonly slowShare: number
  readonly slowMs: number
  readonly openMs: number
  readonly maxOpenMs: number
  readonly probesToClose: number
  /** Upstream response codes that count as technical failures. */
  readonly technicalCodes: ReadonlyArray<string>
}

export interface AdviceConfig {
  readonly firstMs: number
  readonly maxMs: number
  readonly timeoutMs: number
  readonly alertAfterAttempts: number
  readonly expireAfterMs: number
}

export interface RouteConfig {
  readonly name: string
  readonly when: {
    /** Inclusive prefixes or ranges: `62`, `4000-4999`. */
    readonly bins?: ReadonlyArray<string>
    readonly channels?: ReadonlyArray<Channel>
    readonly kinds?: ReadonlyArray<Kind>
    readonly merchants?: ReadonlyArray<string>
    readonly groups?: ReadonlyArray<string>
    readonly currencies?: ReadonlyArray<string>
    readonly minAmount?: number
    readonly maxAmount?: number
    /** `HH:MM-HH:MM` */
    readonly between?: string
  }
  readonly to: ReadonlyArray<RouteTarget>
}

export interface JournalConfig {
  readonly path: string
  readonly maxBytes: number
  readonly mode: "strict" | "outcome" | "relaxed"
  /** `outcome` and `relaxed` need this. */
  readonly unsafe: boolean
}

export interface LedgerConfig {
  /** Absent: an embedded server in `dataPath`. */
  readonly url?: SecretReference
  readonly dataPath: string
  readonly port: number
  readonly batchRows: number
  readonly batchMs: number
  /** How far behind a replica of the server at `url` may be when it takes over. */
  readonly replicaLagMs: number
  readonly connections: number
  readonly migrate: "auto" | "refuse"
  readonly required: boolean
  /** Key of card tokens; absent: there are none. */
  readonly panToken?: SecretReference
}

export interface AccountConfig {
  readonly name: string
  readonly scheme: "wechat" | "alipay" | "unionpay" | "hmac"
  /** URL path of the webhook, beginning with a slash. */
  readonly path: string
  readonly merchantId: string
  readonly appId?: string
  /** APIv3 key, HMAC secret. */
  readonly secret?: SecretReference
  /** The wallet's public keys by serial. */
  readonly publicKeys?: Readonly<Record<string, SecretReference>>
  /** Our own private key and its serial, for requests. */
  readonly privateKey?: SecretReference
  readonly serial?: string
  readonly replayWindowMs: number
}

interface TimeoutConfig {
  /** The terminals' own patience; must be above every upstream's timeout plus the margin. */
  readonly terminalMs: number
  readonly marginMs: number
  /** How long an approved answer waits for its terminal to come back before it is reversed. */
  readonly deliverGraceMs: number
  readonly drainMs: number
}
