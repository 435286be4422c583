/**
 * Where log lines leave the process: standard error, written by the thread pool, because a write to
 * a pipe that nobody reads would otherwise hold the event loop.
 */

import { write } from "node:fs"
import type { LogSink } from "./log-lines.ts"

/** Tries again this often when the other side is full, then gives the lines up. */
const maxAttempts = 5

export function fileDescriptorSink(descriptor: number): LogSink {
  return (bytes, done) => {
    const from = (offset: number, attempts: number): void =>
      write(descriptor, bytes, offset, bytes.length - offset, null, (error, written) => {
        if (error !== null) {
          if (error.code === "EAGAIN" && attempts < maxAttempts) from(offset, attempts + 1)
          else done(false)
        } else if (offset + written < bytes.length) from(offset + written, attempts)
        else done(true)
      })
    from(0, 0)
  }
}
