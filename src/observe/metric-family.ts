/**
 * Counters, gauges and histograms as plain numbers: counting is an addition, finding the series of
 * some labels is one map look-up a label. What must hold: a family never grows past `maxSeries`;
 * what comes then is counted under the label value `other`.
 */

import { invariant } from "../domain/invariant.ts"

export interface Definition {
  readonly type: "counter" | "gauge" | "histogram"
  readonly help: string
  readonly labels: ReadonlyArray<string>
  /** Histograms: upper bounds of the buckets, ascending; the last one, infinity, is implied. */
  readonly bounds?: ReadonlyArray<number>
}

/** Series of one family: a label that takes this many values is no label. */
export const maxSeries = 2000

export class Counter {
  value = 0

  add(amount = 1): void {
    this.value += amount
  }
}

export class Gauge {
  value = 0

  set(value: number): void {
    this.value = value
  }
}

export class Histogram {
  readonly bounds: ReadonlyArray<number>
  /** Not cumulative; one more than bounds. */
  readonly counts: Float64Array
  sum = 0
  count = 0

  constructor(bounds: ReadonlyArray<number>) {
    invariant(bounds.length > 0, "a histogram has bounds")
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  record(value: number): void {
    const { bounds } = this
    let low = 0
    let high = bounds.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (value <= bounds[middle]!) high = middle
      else low = middle + 1
    }
    this.counts[low]!++
    this.sum += value
    this.count++
  }
}

type Values<L> = L extends ReadonlyArray<unknown> ? { readonly [K in keyof L]: string }
  : ReadonlyArray<string>

type Node<S> = Map<string, Node<S> | S>

/** The series of one metric. `L` is the tuple of its label names. */
export class Family<S extends object, L> {
  readonly #depth: number
  readonly #make: () => S
  readonly #root: Node<S> = new Map()
  #only: S | undefined
  #size = 0

  constructor(depth: number, make: () => S) {
    this.#depth = depth
    this.#make = make
  }

  /** The series of these label values, in the order of the labels. */
  of(...values: Values<L>): S {
    const words: ReadonlyArray<string> = values
    invariant(words.length === this.#depth, "one value for each label")
    if (this.#depth === 0) return this.#only ??= this.#make()
    let node = this.#root
    for (let index = 0; index < this.#depth - 1; index++) {
      const next = node.get(words[index]!)
      // Above the last level there are only maps.
      if (next !== undefined) node = next as Node<S>
      else return this.#create(words)
    }
    return node.get(words[this.#depth - 1]!) as S | undefined ?? this.#create(words)
  }

  /** Every series with its label values. */
  *series(): IterableIterator<readonly [values: ReadonlyArray<string>, series: S]> {
    if (this.#only !== undefined) yield [[], this.#only]
    yield* walk(this.#root, [], this.#depth)
  }

  /** Forgets all series: for gauges whose labels come and go. */
  clear(): void {
    this.#root.clear()
    this.#only = undefined
    this.#size = 0
  }

  #create(words: ReadonlyArray<string>): S {
    const full = this.#size >= maxSeries
    const path = full ? words.map(() => "other") : words
    let node = this.#root
    for (const word of path.slice(0, -1)) {
      const next = node.get(word) as Node<S> | undefined ?? new Map()
      node.set(word, next)
      node = next
    }
    const last = path[path.length - 1]!
    const known = node.get(last) as S | undefined
    if (known !== undefined) return known
    const made = this.#make()
    node.set(last, made)
    this.#size++
    return made
  }
}

function* walk<S>(
  node: Node<S>,
  before: ReadonlyArray<string>,
  depth: number
): IterableIterator<readonly [ReadonlyArray<string>, S]> {
  for (const [word, next] of node) {
    const values = [...before, word]
    if (values.length === depth) yield [values, next as S]
    else yield* walk(next as Node<S>, values, depth)
  }
}
