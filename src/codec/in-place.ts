/**
 * Work done at once, in the thread that asked: for tiny batches, for worlds without threads, and
 * for keys that never leave their module. What must hold: the results are those of a worker.
 */

import type { KeyHandle } from "../domain/brand.ts"
import type { AtRest, Decoded, NotificationVerdict } from "../domain/ports/codec.ts"
import type { SecurityModuleShape } from "../domain/ports/security-module.ts"
import type { CodecFault } from "../iso8583/fault.ts"
import { macPlace } from "../iso8583/mac-place.ts"
import type { MacRule, Message } from "../iso8583/message.ts"
import type { NotificationAccounts } from "../qr/notification-account.ts"
import { verifyNotification } from "../qr/notification.ts"
import { CipherCache } from "../security/cipher-cache.ts"
import { macField } from "../security/mac.ts"
import { type DecodeJob, type Job, type NoticeJob, refuse, type SealJob, settle } from "./job.ts"
import { KnownKeys } from "./known-keys.ts"
import { checkMac, compareMac, coveredBy, macOver, sealed, verdicts } from "./mac-check.ts"

export class Bench {
  readonly #module: SecurityModuleShape
  readonly #accounts: NotificationAccounts
  readonly #cache = new CipherCache()
  readonly #keys: KnownKeys

  constructor(module: SecurityModuleShape, accounts: NotificationAccounts) {
    this.#module = module
    this.#accounts = accounts
    this.#keys = new KnownKeys(module, this.#cache)
  }

  /** Forgets every key. */
  clear(): void {
    this.#cache.clear()
  }

  forget(key: KeyHandle): void {
    this.#keys.forget(key)
  }

  /**
   * Does the job and settles it: now, or when the security module has answered. False: the codec
   * failed on it, and it was refused.
   */
  work(job: Job): boolean {
    switch (job.op) {
      case "decode": {
        const read = readGuarded(job)
        if (read === undefined) return refused(job)
        if ("failure" in read) settle(job, { _tag: "fault", fault: read })
        else this.#verdict(read, job.key, (verdict) => settle(job, decoded(read, verdict)))
        return true
      }
      case "verify":
        this.#verdict(job.message, job.key, (verdict) => settle(job, verdicts[verdict]!))
        return true
      case "seal":
        this.#seal(job)
        return true
      case "notice": {
        const verdict = verifyGuarded(this.#accounts, job)
        if (verdict === undefined) return refused(job)
        settle(job, verdict)
        return true
      }
    }
  }

  /** Is the key one that may leave its module? */
  shares(key: KeyHandle, rule: MacRule): boolean {
    return this.#keys.share(key, rule.algorithm)
  }

  /** A message that a worker indexed; what the worker had no key for is checked by the module. */
  finish(
    job: DecodeJob,
    message: Message,
    verdict: number,
    atRest: AtRest | undefined
  ): void {
    const { dialect, key } = job
    const checked = verdict !== 0 || key === undefined || dialect.mac === undefined ||
      this.#keys.share(key, dialect.mac.algorithm)
    if (checked) settle(job, decoded(message, verdict, atRest))
    else this.#verdict(message, key, (made) => settle(job, decoded(message, made, atRest)))
  }

  #seal(job: SealJob): void {
    const rule = job.dialect.mac
    const covered = coveredBy(rule, job.bytes)
    if (rule === undefined || covered === undefined) return settle(job, undefined)
    this.#mac(rule, job.key, covered, (mac) => {
      settle(job, mac === undefined ? undefined : sealed(rule, job.bytes, mac))
    })
  }

  #verdict(
    { bytes, dialect, index }: Message,
    key: KeyHandle | undefined,
    done: (verdict: number) => void
  ): void {
    const entry = macPlace(dialect.mac, index)
    if (entry < 0) return done(1)
    const rule = dialect.mac
    if (rule === undefined || key === undefined) return done(0)
    const covered = bytes.subarray(0, index[entry + 1])
    const mac = bytes.subarray(index[entry + 1], index[entry + 2])
    if (this.shares(key, rule)) return done(checkMac(this.#cache, rule, key, covered, mac))
    this.#mac(rule, key, covered, (expected) => {
      done(expected === undefined ? 0 : compareMac(expected, mac))
    })
  }

  #mac(
    rule: MacRule,
    key: KeyHandle,
    covered: Uint8Array,
    done: (mac: Uint8Array | undefined) => void
  ): void {
    if (this.shares(key, rule)) return done(macOver(this.#cache, rule, key, covered))
    this.#module.makeMac(key, rule.algorithm, covered, (mac) => {
      done(mac === undefined ? undefined : macField(mac, rule.algorithm, rule.form))
    })
  }
}

// Whatever is thrown while the bytes of others are read costs one job and nothing else (I12). What
// those who wait for the result throw is theirs, and passes.

function readGuarded(job: DecodeJob): Message | CodecFault | undefined {
  try {
    return job.dialect.read(job.bytes)
  } catch {
    return undefined
  }
}

function verifyGuarded(
  accounts: NotificationAccounts,
  job: NoticeJob
): NotificationVerdict | undefined {
  try {
    return verifyNotification(accounts, job.notice)
  } catch {
    return undefined
  }
}

function refused(job: Job): false {
  refuse(job)
  return false
}

function decoded(message: Message, verdict: number, atRest?: AtRest): Decoded {
  return { _tag: "message", message, mac: verdicts[verdict]!, atRest }
}
