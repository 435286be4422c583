/** Questions at a terminal: what is typed unseen is unseen from its first character on. */

import { PassThrough } from "node:stream"
import { afterEach, expect, it, vi } from "vitest"
import { machineStreams } from "../../src/cli/machine-streams.ts"

const stdin = Object.getOwnPropertyDescriptor(process, "stdin")!

afterEach(() => {
  Object.defineProperty(process, "stdin", stdin)
  vi.restoreAllMocks()
})

it("turns the echo off before it asks for what nobody may see", async () => {
  const told: Array<string> = []
  const keyboard = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (raw: boolean) => void told.push(raw ? "echo off" : "echo on")
  })
  Object.defineProperty(process, "stdin", { value: keyboard, configurable: true })
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    told.push(String(text))
    return true
  })
  const answer = machineStreams.ask("component: ", true)
  keyboard.write("0123\r")
  expect(await answer).toBe("0123")
  expect(told.slice(0, 2)).toEqual(["echo off", "component: "])
  expect(told).toContain("echo on")
})
