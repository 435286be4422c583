/** Where a route leads: to an upstream by its name, or by its name and a share of the traffic. */

export type RouteTarget = string | SharedTarget

export interface SharedTarget {
  readonly upstream: string
  /** Parts of the sum of the route's shares: of so many transactions it is the first candidate. */
  readonly share: number
}

export function upstreamOf(target: RouteTarget): string {
  return typeof target === "string" ? target : target.upstream
}
