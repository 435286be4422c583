/**
 * The security module: keys by handle, MACs, PIN blocks, working keys. Software in tests and where
 * no PIN is translated, a host-command HSM otherwise; the same contract for both.
 */

import { Context, type Effect } from "effect"
import type { KeyHandle } from "../brand.ts"
import type { FailureCode } from "../failures.ts"

export type KeyPurpose = "pin" | "mac" | "track"

/** As the dialect declares it: which algorithm, and what stands in the field. */
export interface MacAlgorithm {
  readonly name:
    | "cup-ecb"
    | "cup-ecb-sm4"
    | "cup-cbc"
    | "x9.9"
    | "x9.19"
    | "aes-cmac"
    | "hmac-sha256"
    | "hmac-sm3"
    | "sm4-cbc"
  /** ISO 9797-1 padding, where the algorithm leaves it open. */
  readonly padding?: 1 | 2 | 3
}

/** What a DUKPT key is for, as X9.24 tells the two directions apart; the device sends requests. */
export type DukptUse =
  | "pin"
  | "mac-request"
  | "mac-response"
  | "data-request"
  | "data-response"

/** PIN blocks of ISO 9564-1. */
export type PinFormat = 0 | 1 | 3 | 4

/** Under which key a terminal's PIN block stands: a working key, or one that DUKPT derives. */
export type PinUnder =
  & { readonly format: PinFormat }
  & (
    | { readonly key: KeyHandle }
    /** A base key by its name in the key store, and the key serial number of the message. */
    | { readonly baseKey: string; readonly serial: Uint8Array }
  )

export interface WorkingKeys {
  /** Key blocks under the local master key, for the journal and for `install`. */
  readonly blocks: Readonly<Partial<Record<KeyPurpose, Uint8Array>>>
  /**
   * The download as the dialect's field wants it: cryptograms under the terminal's master key with
   * KCVs.
   */
  readonly download: Uint8Array
}

export type WorkingKeyShape =
  | "cup-24"
  | "cup-40"
  | "cup-56"
  | "cup-57-sm4"
  | "cup-60"
  | "cup-84"
  | "iso87-single"
  | "iso87-double"

export interface SecurityModuleShape {
  /** `software`: keys may be handed to the codec's workers. `hsm`: they stay where they are. */
  readonly place: "software" | "hsm"
  /**
   * Makes a key usable; the same block gives the same handle. Fails on a forged or foreign block.
   */
  readonly install: (block: Uint8Array, purpose: KeyPurpose) => KeyHandle | FailureCode
  /**
   * Makes the key of one DUKPT transaction usable, from a base key by its name in the key store and
   * the message's key serial number (10 bytes triple DES, 12 AES). The caller releases it.
   */
  readonly derive: (baseKey: string, serial: Uint8Array, use: DukptUse) => KeyHandle | FailureCode
  readonly release: (handle: KeyHandle) => void
  /**
   * Tells of each handle whose last holder released it: whoever was given its key forgets it. Keys
   * that are given to nobody are passed over. Returns what ends the telling.
   */
  readonly onForgotten: (listener: (handle: KeyHandle) => void) => () => void
  /**
   * The clear key of a software module, for a worker's cache only and for this algorithm, in bytes
   * that the caller overwrites; undefined from an HSM, for keys of one DUKPT transaction, and where
   * the key's block forbids the use.
   */
  readonly exportToWorker: (handle: KeyHandle, algorithm: MacAlgorithm) => Uint8Array | undefined
  /** 8 bytes (or fewer, as the algorithm says) over `bytes`; undefined when the module failed. */
  readonly makeMac: (
    handle: KeyHandle,
    algorithm: MacAlgorithm,
    bytes: Uint8Array,
    done: (mac: Uint8Array | undefined) => void
  ) => void
  readonly translatePin: (
    request: {
      readonly from: KeyHandle
      readonly to: KeyHandle
      readonly fromFormat: PinFormat
      readonly toFormat: PinFormat
      readonly pan: string
      readonly block: Uint8Array
    },
    done: (result: Uint8Array | FailureCode) => void
  ) => void
  /** New working keys for a terminal whose master key has this name in the key store. */
  readonly issueWorkingKeys: (
    masterKey: string,
    shape: WorkingKeyShape
  ) => Effect.Effect<WorkingKeys, FailureCode>
}

export class SecurityModule extends Context.Service<SecurityModule, SecurityModuleShape>()(
  "pointsman/domain/ports/SecurityModule"
) {}
