/** How long something took, for people. */

/** Seconds since the call. */
export function stopwatch(): () => number {
  const startedMs = performance.now()
  return () => (performance.now() - startedMs) / 1000
}
