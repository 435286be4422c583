/**
 * Which transactions the uploads under way have listed, so that their end can tell what they left
 * out. In memory: after a restart, or when more terminals upload at once than are kept, nothing is
 * concluded from what is missing.
 */

import type { TerminalId } from "../domain/brand.ts"

const maxTerminals = 1000
const maxListed = 10_000

interface Upload {
  readonly batch: string
  readonly stans: Set<string>
}

export class Uploads {
  readonly #open = new Map<TerminalId, Upload>()

  add(terminal: TerminalId, batch: string, stans: ReadonlySet<string>): void {
    const held = this.#open.get(terminal)
    const upload = held?.batch === batch ? held : { batch, stans: new Set<string>() }
    for (const stan of stans) if (upload.stans.size < maxListed) upload.stans.add(stan)
    this.#open.delete(terminal)
    this.#open.set(terminal, upload)
    const [oldest] = this.#open.keys()
    if (this.#open.size > maxTerminals && oldest !== undefined) this.#open.delete(oldest)
  }

  /** Everything that was listed; undefined when nothing was, of this batch. */
  end(terminal: TerminalId, batch: string): ReadonlySet<string> | undefined {
    const upload = this.#open.get(terminal)
    this.#open.delete(terminal)
    return upload?.batch === batch ? upload.stans : undefined
  }
}
