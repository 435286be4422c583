/** What `npm start` promises to show: a breaker that opens while its acquirer is silent. */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { tormentSeconds } from "../../src/cli/demo.ts"
import { loadConfig } from "../../src/config/load.ts"
import { root } from "./process.ts"

it.effect("is silent for longer than the acquirer's requests wait", () =>
  Effect.gen(function*() {
    const { config } = yield* loadConfig(join(root, "config", "pointsman.yaml"))
    const { timeoutMs } = config.upstreams.find(({ name }) => name === "unionpay")!
    expect(tormentSeconds * 1000).toBeGreaterThan(timeoutMs)
  }).pipe(Effect.provide(NodeFileSystem.layer)))
