/** What is wrong in a file that people write: a dialect, a mapping, a framing, routes. */

/** One mistake, with its place in the file: `fields.60.max`, `routes[2].when.bins[0]`. */
export interface SourceFault {
  readonly path: string
  readonly problem: string
}

/** Takes one mistake after the other. */
export type OnFault = (path: string, problem: string) => void
