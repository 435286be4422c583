/**
 * The groups of the log in memory, oldest first: how many of their bytes are still needed. Groups
 * leave at the old end only. That is what makes a removal safe to forget with its group: whatever
 * it removed lay in an older group, which is gone already.
 */

export interface LogGroup {
  readonly sequence: number
  /** When its first record was written. */
  wallMs: number
  bytes: number
  /** Records of it that something refers to, and their bytes. */
  live: number
  liveBytes: number
  /** The sync that covers it has returned. */
  durable: boolean
  /** Its bytes, from the time it is closed until it is durable. */
  unsynced: Buffer | undefined
}

export function newGroup(sequence: number): LogGroup {
  return {
    sequence,
    wallMs: 0,
    bytes: 0,
    live: 0,
    liveBytes: 0,
    durable: false,
    unsynced: undefined
  }
}

export class LogGroups {
  #groups: Array<LogGroup> = []
  #first = 0
  #bytes = 0
  #liveBytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** Bytes that nothing refers to any more. */
  get garbage(): number {
    return this.#bytes - this.#liveBytes
  }

  get liveBytes(): number {
    return this.#liveBytes
  }

  get count(): number {
    return this.#groups.length - this.#first
  }

  /** Sequence of the newest group; 0 before the first. */
  get newest(): number {
    return this.#groups.at(-1)?.sequence ?? 0
  }

  oldest(): LogGroup | undefined {
    return this.#groups[this.#first]
  }

  /** Wall time of the oldest and of the newest. */
  wallMs(): readonly [number | undefined, number | undefined] {
    return [this.oldest()?.wallMs, this.#groups.at(-1)?.wallMs]
  }

  /** A group whose records are being gathered; its bytes count once it is closed. */
  add(group: LogGroup): void {
    this.#groups.push(group)
    this.#bytes += group.bytes
  }

  closed(group: LogGroup, bytes: Buffer): void {
    group.bytes = bytes.length
    group.unsynced = bytes
    this.#bytes += bytes.length
  }

  /** One more record of the group is needed. */
  needs(group: LogGroup, bytes: number): void {
    group.live++
    group.liveBytes += bytes
    this.#liveBytes += bytes
  }

  frees(group: LogGroup, bytes: number): void {
    group.live--
    group.liveBytes -= bytes
    this.#liveBytes -= bytes
  }

  removeOldest(): void {
    const group = this.#groups[this.#first++]!
    this.#bytes -= group.bytes
    this.#liveBytes -= group.liveBytes
    if (this.#first > 1024 && this.#first * 2 > this.#groups.length) {
      this.#groups = this.#groups.slice(this.#first)
      this.#first = 0
    }
  }
}
