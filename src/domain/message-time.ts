/**
 * Times as messages carry them: MMDDhhmmss, without a year and in the writer's own zone. What must
 * hold: the year is the one that puts the time nearest to now, also over New Year and on 29
 * February; whole hours of another zone are never taken for a wrong clock.
 */

const secondMs = 1000
/** Zones lie up to 14 hours apart from UTC; more than this apart is another day. */
export const wrongAfterMs = 20 * 3_600_000

/**
 * By how much the writer's clock is ahead of ours, in milliseconds and zones included: negative
 * when it is behind. `date` (YYYY-MM-DD) and `now` (MMDDhhmmss) are ours, of one moment. Undefined:
 * there is no such time in a year near this one.
 */
export function aheadMs(stamp: string, date: string, now: string): number | undefined {
  const year = Number(date.slice(0, 4))
  const nowMs = inYear(now, year)
  let nearest: number | undefined
  for (let each = year - 1; each <= year + 1; each++) {
    const ms = inYear(stamp, each)
    if (ms === undefined || nowMs === undefined) continue
    if (nearest === undefined || Math.abs(ms - nowMs) < Math.abs(nearest)) nearest = ms - nowMs
  }
  return nearest
}

/** As if it were UTC; undefined when the year has no such day, or the day no such time. */
function inYear(stamp: string, year: number): number | undefined {
  if (!/^\d{10}$/.test(stamp)) return undefined
  const part = (at: number) => Number(stamp.slice(at, at + 2))
  const [month, day, hour, minute, second] = [part(0), part(2), part(4), part(6), part(8)] as const
  if (hour > 23 || minute > 59 || second > 60) return undefined
  const ms = Date.UTC(year, month - 1, day, hour, minute, second) - (second === 60 ? secondMs : 0)
  const back = new Date(ms)
  return back.getUTCMonth() === month - 1 && back.getUTCDate() === day ? ms : undefined
}
