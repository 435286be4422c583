/** The world's disk: the journal's memory store, under the hand of the torment. */

import { MemoryDisk, memoryStoreLayer } from "../journal/memory-store.ts"
import type { WorldDisk, Written } from "../simulate/world/house.ts"

/** As `config/world.yaml` says; small, so that old groups are moved and dropped in every world. */
const maxBytes = 16 * 1024 * 1024

/** `knowsNode`: PostgreSQL has marks of the node, so an empty disk is a journal that was lost. */
export function makeWorldDisk(knowsNode: () => boolean) {
  const disk = new MemoryDisk(maxBytes)
  let unmounted: ReadonlyMap<number, Uint8Array> | undefined
  const hand: WorldDisk = {
    powerCut: (kept) => disk.powerCut(kept),
    unsynced: () => disk.unsynced,
    setSlowMs: (slowMs) => {
      disk.slowMs = slowMs
    },
    setFailing: (failing) => {
      disk.failing = failing
    },
    flipBit: () => flip(disk),
    unmount: () => {
      unmounted = new Map(disk.groups)
      disk.groups.clear()
    },
    mend: () => {
      if (unmounted === undefined) flip(disk)
      for (const [sequence, bytes] of unmounted ?? []) disk.groups.set(sequence, bytes)
      unmounted = undefined
    },
    setFull: (full) => {
      disk.fullAtBytes = full ? disk.usedBytes : maxBytes
    }
  }
  const watch = (written: Written) => {
    disk.onWrite = (bytes) => written("the journal", bytes)
  }
  return { hand, watch, layer: memoryStoreLayer(disk, knowsNode) }
}

/** The same bit each time: in the middle of the oldest group. */
function flip(disk: MemoryDisk): boolean {
  const [oldest] = [...disk.groups.keys()].sort((left, right) => left - right)
  const bytes = oldest === undefined ? undefined : disk.groups.get(oldest)
  if (bytes === undefined || bytes.length === 0) return false
  const middle = bytes.length >> 1
  bytes[middle]! ^= 1
  return true
}
