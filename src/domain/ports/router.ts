/** Routing: facts in, ordered candidates out, under one configuration version (I10). */

import { Context } from "effect"
import type { MerchantId, TerminalId, TransactionId } from "../brand.ts"
import type { Channel, Scheme } from "../channel.ts"
import type { Kind } from "../kind.ts"

export interface RouteFacts {
  /** Among upstreams with shares it draws the first; absent: as the first of them. */
  readonly id?: TransactionId
  readonly kind: Kind
  readonly channel: Channel
  readonly scheme: Scheme
  /** Clear digits, or the customer's pay code; only prefixes are looked at. */
  readonly digits?: string
  readonly amount?: number
  readonly currency?: string
  readonly terminal: TerminalId
  readonly merchant: MerchantId
  readonly group: string
  /** Minutes since midnight, local time of the switch. */
  readonly minuteOfDay: number
}

export interface RouteDecision {
  /** Name of the rule that matched; undefined: none did. */
  readonly route: string | undefined
  /** Upstream names, best first. */
  readonly candidates: ReadonlyArray<string>
  readonly configVersion: number
}

export interface RouterShape {
  readonly decide: (facts: RouteFacts) => RouteDecision
}

export class Router
  extends Context.Service<Router, RouterShape>()("pointsman/domain/ports/Router")
{}
