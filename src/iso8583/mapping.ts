/**
 * What crosses between a terminal's dialect and an upstream's, as data. Within one dialect what no
 * rule names leaves byte for byte as it came; across dialects only what a rule names crosses (I11).
 */

import type { Message, Values } from "./message.ts"
import type { ValueList } from "./value-list.ts"

/** Why a message cannot cross: the field of the target that is mandatory and has no source. */
export interface MappingFault {
  readonly path: string
  readonly problem: string
}

/** A compiled mapping, checked at load against both dialects. */
export interface Mapping {
  /** Names of the terminal's dialect and of the upstream's. */
  readonly from: string
  readonly to: string
  /** A rule names the translation of PIN blocks: one may cross, through the stamp. */
  readonly pin: boolean
  /**
   * The request as the upstream gets it. `stamp` holds what the switch sets itself (STAN, RRN,
   * transmission time, acquirer id, a translated PIN block), by paths of the upstream's dialect,
   * and wins over every rule. The MAC field is left zero at the end when `mac` is true.
   */
  readonly forward: (
    request: Message,
    stamp: Values | ValueList,
    mac: boolean
  ) => Buffer | MappingFault
  /** What an upstream's answer brings back, by paths of the terminal's dialect; never its MAC. */
  readonly back: (answer: Message) => ValueList
}
