/**
 * Expressions over the switch's metrics in the language of Prometheus. What must hold: a metric, a
 * label or a use of either that `src/observe/metrics.ts` does not declare does not compile.
 */

import { type metricDefinitions, metricPrefix } from "../../src/observe/metrics.ts"

type Definitions = typeof metricDefinitions
type Metric = keyof Definitions
type Of<T> = { [N in Metric]: Definitions[N]["type"] extends T ? N : never }[Metric]
type Label<N extends Metric> = Definitions[N]["labels"][number]
/** By label, the value that it has. */
type Held<N extends Metric> = { readonly [L in Label<N>]?: string }

interface Place {
  /** Matchers that every series gets. */
  readonly matchers: ReadonlyArray<string>
  /** Labels of the scraped target by which every sum is parted. */
  readonly by: ReadonlyArray<string>
  /** Over which counters are looked at, where nothing else is said. */
  readonly window: string
}

/** The words of expressions, for one place in which they are asked. */
export function wordsFor({ by: parts, matchers, window: usual }: Place) {
  const series = <N extends Metric>(name: N, held: Held<N> = {}, suffix = ""): string => {
    const all = [
      ...Object.entries(held).map(([label, value]) => `${label}="${String(value)}"`),
      ...matchers
    ]
    return `${metricPrefix}${name}${suffix}${all.length === 0 ? "" : `{${all.join(", ")}}`}`
  }
  const parted = (aggregate: string, labels: ReadonlyArray<string>, of: string): string => {
    const all = [...parts, ...labels]
    return `${aggregate}${all.length === 0 ? "" : ` by (${all.join(", ")})`} (${of})`
  }
  return {
    series,
    /** A gauge, summed or the worst of it. */
    gauge: <N extends Of<"gauge">>(
      aggregate: "sum" | "max" | "min",
      name: N,
      by: ReadonlyArray<Label<N>> = [],
      held: Held<N> = {}
    ): string => parted(aggregate, by, series(name, held)),
    /** A counter's growth a second. */
    rate: <N extends Of<"counter">>(
      name: N,
      by: ReadonlyArray<Label<N>> = [],
      held: Held<N> = {},
      window = usual
    ): string => parted("sum", by, `rate(${series(name, held)}[${window}])`),
    /** The same from `window` before `offset` on. */
    rateBefore: <N extends Of<"counter">>(
      name: N,
      by: ReadonlyArray<Label<N>>,
      held: Held<N>,
      window: string,
      offset: string
    ): string => parted("sum", by, `rate(${series(name, held)}[${window}] offset ${offset})`),
    increase: <N extends Of<"counter">>(
      name: N,
      by: ReadonlyArray<Label<N>> = [],
      held: Held<N> = {},
      window = usual
    ): string => parted("sum", by, `increase(${series(name, held)}[${window}])`),
    /** A series begins with its first count, of which `increase` knows nothing. */
    grew: <N extends Of<"counter">>(name: N, window = usual): string => {
      const all = series(name)
      return `increase(${all}[${window}]) > 0 or (${all} > 0 unless ${all} offset ${window})`
    },
    quantile: <N extends Of<"histogram">>(
      quantile: number,
      name: N,
      by: ReadonlyArray<Label<N>> = [],
      held: Held<N> = {}
    ): string => {
      const buckets = `rate(${series(name, held, "_bucket")}[${usual}])`
      return `histogram_quantile(${quantile}, ${parted("sum", ["le", ...by], buckets)})`
    }
  }
}
