/** How often each kind of fault happened in a world: by the torment, the weather, and the moods. */

import type { Acquirer } from "../acquirer.ts"
import type { Wallet } from "../wallet.ts"
import type { Eavesdropper } from "./eavesdropper.ts"
import type { Network } from "./network.ts"
import type { Purse } from "./purse.ts"
import type { FaultKind } from "./torment.ts"

/** Who has done harm. */
interface Culprits {
  readonly network: Network
  readonly acquirers: ReadonlyArray<Acquirer>
  readonly wallet: Wallet
  readonly purse: Purse
  readonly eavesdroppers: ReadonlyArray<Eavesdropper>
}

export function faultsOf(
  { acquirers, eavesdroppers, network, purse, wallet }: Culprits,
  torment: Readonly<Record<FaultKind, number>>
): Readonly<Record<string, number>> {
  const faults: Record<string, number> = { ...torment }
  const { counts } = network
  for (const name of ["resets", "splits", "merges", "stalls", "deafs", "refusals"] as const) {
    faults[name] = counts[name]
  }
  for (const { moodCounts } of acquirers) {
    for (const [mood, count] of Object.entries(moodCounts)) {
      if (mood !== "approve") faults[mood] = (faults[mood] ?? 0) + count
    }
  }
  for (const [mood, count] of Object.entries(wallet.moodCounts)) {
    if (mood !== "pay") faults[`wallet-${mood}`] = count
  }
  faults["forged-notice"] = purse.forged
  for (const { played } of eavesdroppers) faults["replay"] = (faults["replay"] ?? 0) + played
  return faults
}
