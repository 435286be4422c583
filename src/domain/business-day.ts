/**
 * The business day a transaction belongs to: the local calendar day, moved on by one from the
 * cut-over time of its acquirer, or of the house. Fixed once, with its first durable record.
 */

import type { BusinessDay } from "./brand.ts"

const minuteMs = 60_000

/** Local wall-clock parts of an instant, in one time zone, cached for the current minute. */
interface LocalTime {
  /** `YYYY-MM-DD` */
  readonly date: string
  readonly minuteOfDay: number
}

export interface LocalClock {
  readonly at: (wallMs: number) => LocalTime
  /** `MMDDhhmmss` in this zone, as ISO 8583 field 7 and its kin want it. */
  readonly stamp: (wallMs: number) => string
}

/** Formatters by zone: one costs 3 ms to make, and a configuration names few zones. */
const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known !== undefined) return known
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit"
  })
  formats.set(timeZone, format)
  return format
}

/** `timeZone` is an IANA name; throws a RangeError when there is no such zone. */
export function makeLocalClock(timeZone: string): LocalClock {
  const format = formatOf(timeZone)
  let minute = Number.NaN
  let local: LocalTime = { date: "", minuteOfDay: 0 }
  let prefix = ""
  let second = Number.NaN
  let stamp = ""
  const at = (wallMs: number): LocalTime => {
    const now = Math.floor(wallMs / minuteMs)
    if (now === minute) return local
    const part: Record<string, string> = {}
    for (const { type, value } of format.formatToParts(now * minuteMs)) part[type] = value
    const { year = "", month = "", day = "", hour = "", minute: minutes = "" } = part
    minute = now
    local = {
      date: `${year}-${month}-${day}`,
      minuteOfDay: Number(hour) * 60 + Number(minutes)
    }
    prefix = month + day + hour + minutes
    return local
  }
  return {
    at,
    stamp: (wallMs) => {
      const now = Math.floor(wallMs / 1000)
      if (now === second) return stamp
      at(wallMs)
      second = now
      stamp = prefix + String(now % 60).padStart(2, "0")
      return stamp
    }
  }
}

/** `cutOver` is `HH:MM`; at and after it the next calendar day has begun. `00:00` = midnight. */
export function makeBusinessDays(
  clock: LocalClock,
  cutOver: string
): (wallMs: number) => BusinessDay {
  const [hours, minutes] = cutOver.split(":").map(Number)
  const cutMinute = (hours ?? 0) * 60 + (minutes ?? 0)
  return (wallMs) => {
    const local = clock.at(wallMs)
    if (cutMinute === 0 || local.minuteOfDay < cutMinute) return local.date as BusinessDay
    return nextDay(local.date) as BusinessDay
  }
}

/** Acquirers that cut over at a time of their own, by name; all others do with the house. */
export function makeAcquirerDays(
  clock: LocalClock,
  cutOver: string,
  own: ReadonlyMap<string, string>
): (wallMs: number, acquirer?: string) => BusinessDay {
  const house = makeBusinessDays(clock, cutOver)
  const days = new Map([...own].map(([name, time]) => [name, makeBusinessDays(clock, time)]))
  return (wallMs, acquirer = "") => (days.get(acquirer) ?? house)(wallMs)
}

/** `date` and the result are `YYYY-MM-DD`. */
export function nextDay(date: string): string {
  const [year = 0, month = 1, day = 1] = date.split("-").map(Number)
  return new Date(Date.UTC(year, month - 1, day + 1)).toISOString().slice(0, 10)
}

/** A day of the calendar, as `YYYY-MM-DD`: the 30th of February is none. */
export function isDay(text: string): boolean {
  const ms = /^\d{4}-\d\d-\d\d$/.test(text) && text > "0001" ? Date.parse(text) : Number.NaN
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text)
}
