/**
 * What a running switch says of itself at `/metrics`, as numbers by series. Must hold: a series
 * that is not there counts as zero, so that two scrapes can always be subtracted.
 */

/** `name{label="value",…}` as printed, to its number. */
export type Scrape = ReadonlyMap<string, number>

export async function scrape(adminPort: number): Promise<Scrape> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/metrics`)
  const series = new Map<string, number>()
  for (const line of (await response.text()).split("\n")) {
    const space = line.lastIndexOf(" ")
    if (space > 0 && !line.startsWith("#")) {
      series.set(line.slice(0, space), Number(line.slice(space + 1)))
    }
  }
  return series
}

/** Sum over all series of a metric whose labels contain all of `labels`, such as `place="pool"`. */
export function sumOf(series: Scrape, metric: string, ...labels: ReadonlyArray<string>): number {
  let sum = 0
  for (const [name, value] of series) {
    const isMetric = name === `pointsman_${metric}` || name.startsWith(`pointsman_${metric}{`)
    if (isMetric && labels.every((label) => name.includes(label))) sum += value
  }
  return sum
}

/** How much a counter grew between two scrapes. */
export function grown(
  before: Scrape,
  after: Scrape,
  metric: string,
  ...labels: ReadonlyArray<string>
): number {
  return sumOf(after, metric, ...labels) - sumOf(before, metric, ...labels)
}

/** Waits until the switch says that a new transaction could complete. */
export async function ready(adminPort: number, withinMs: number): Promise<void> {
  const until = performance.now() + withinMs
  let last = "no answer"
  while (performance.now() < until) {
    try {
      const response = await fetch(`http://127.0.0.1:${adminPort}/readyz`)
      last = await response.text()
      if (response.ok) return
    } catch {
      // It does not listen yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`the switch is not ready: ${last}`)
}
