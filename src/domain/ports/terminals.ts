/** The estate: who exists, and by which rules each speaks. Cached; reads never wait. */

import { Context } from "effect"
import type { MerchantId, TerminalId } from "../brand.ts"
import type { Channel } from "../channel.ts"
import type { Kind } from "../kind.ts"
import type { PinFormat } from "./security-module.ts"

/** How a terminal proves who it is (design rule 8). */
export type IdentityRule = "sign-on" | "mac" | "certificate" | "hello"

export interface TerminalProfile {
  readonly terminal: TerminalId
  readonly merchant: MerchantId
  readonly merchantName: string
  readonly group: string
  readonly identity: IdentityRule
  /** ISO 18245 merchant category code. */
  readonly category: string
  /** Name of the terminal master key in the key store; absent: no key download. */
  readonly masterKey?: string
  /** Name of the base derivation key in the key store; absent: no DUKPT. */
  readonly baseKey?: string
  /** Of its PIN blocks; absent: 0. */
  readonly pinFormat?: PinFormat
  /** Messages must carry a right MAC. */
  readonly macRequired: boolean
  /** Requests in flight at once; the next one is refused as busy. */
  readonly window: number
  readonly kinds: ReadonlySet<Kind>
  readonly channels: ReadonlySet<Channel>
  readonly currencies: ReadonlySet<string>
  /** Understands partial approvals. */
  readonly partialApproval: boolean
  /** Reverse an answer whose delivery is unknown, instead of waiting for the terminal (I3). */
  readonly reverseUnconfirmed: boolean
  /**
   * Terminals with the same name here may share one connection, told apart by TPDU and F41; a
   * terminal without one has its connection to itself.
   */
  readonly concentrator?: string
  /** Common name of its client certificate; absent: the terminal id itself. */
  readonly certificate?: string
  /** The counter name printed on this counter's shop code, as notifications name it. */
  readonly counter?: string
  readonly blocked: boolean
}

export interface TerminalsShape {
  readonly find: (terminal: string) => TerminalProfile | undefined
  readonly byCounter: (counter: string) => TerminalProfile | undefined
  readonly all: () => Iterable<TerminalProfile>
  readonly count: () => number
}

export class Terminals
  extends Context.Service<Terminals, TerminalsShape>()("pointsman/domain/ports/Terminals")
{}
