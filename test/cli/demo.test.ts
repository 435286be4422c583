/** What `npm start` promises to show: a breaker that opens while its acquirer is silent. */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { tormentSeconds } from "../../src/cli/demo.ts"
import { loadConfig } from "../../src/config/load.ts"
import { root } from "./process.ts"

it.effect("is silent until what was answered before is outvoted at the breaker", () =>
  Effect.gen(function*() {
    const { config } = yield* loadConfig(join(root, "config", "pointsman.yaml"))
    const { breaker } = config.upstreams.find(({ name }) => name === "unionpay")!
    const { slowMs, slowShare, windowMs } = breaker
    expect(tormentSeconds * 1000).toBeGreaterThan(slowMs + windowMs * slowShare)
  }).pipe(Effect.provide(NodeFileSystem.layer)))
