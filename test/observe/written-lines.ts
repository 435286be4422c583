/** Log lines that a test reads back as soon as they were written. */

import { type LogLevel, LogLines } from "../../src/observe/log-lines.ts"

export function writtenLines(least: LogLevel = "info") {
  const written: Array<string> = []
  const lines = new LogLines({
    wallMs: () => 0,
    defer: (task) => task(),
    sink: (bytes, done) => {
      written.push(bytes.toString())
      done(true)
    },
    least,
    dropped: () => {}
  })
  return { lines, written }
}
