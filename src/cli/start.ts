/**
 * `pointsman start`: loads the configuration, runs the switch, ends when it is told to. SIGTERM and
 * SIGINT drain; SIGHUP reloads. The wiring is `src/switch.ts`, loaded here alone.
 */

import { Cause, Effect, Exit, Fiber } from "effect"
import type { LoadedConfig } from "../config/loaded.ts"
import type { SwitchStopped } from "../switch/production.ts"
import { checkedRoutes } from "./checked-routes.ts"
import { configPath, loadedConfig } from "./configuration.ts"
import { setEngine } from "./engine.ts"
import { type Call, configFlag, type ExitCode, Refusal, type Verb } from "./verb.ts"

export const verb: Verb = {
  about: "Runs the switch. Its log goes to standard error, one JSON object a line. SIGTERM stops " +
    "accepting, lets what is in flight end, and ends; SIGHUP reads the configuration again.",
  parameters: [],
  flags: {
    config: configFlag,
    verbose: { type: "yes", about: "log details of what the switch does with itself" },
    "journal-lost": {
      type: "yes",
      about: "go on with an empty journal although PostgreSQL knows this node: what was in " +
        "flight is in nobody's books but the upstreams', so reconcile the day afterwards"
    },
    stories: {
      type: "text",
      value: "<which>",
      about: "transactions that get a story line in the log",
      choices: ["all", "failures"],
      fallback: "failures"
    }
  },
  examples: [["start --config config/pointsman.yaml", "on its usual ports"]],
  run: async (call) => {
    const loaded = await loadedConfig(call)
    const path = configPath(call)
    checkedRoutes(path, loaded.config)
    return runUntilEnded(call, path, loaded)
  }
}

async function runUntilEnded(
  call: Call,
  path: string,
  loaded: LoadedConfig
): Promise<ExitCode> {
  const { runSwitch } = await import("../switch.ts")
  const { wipeAtEnd } = await import("./memory-wipe.ts")
  wipeAtEnd()
  setEngine()
  const hangups: Array<() => void> = []
  let fiber: Fiber.Fiber<void, SwitchStopped> | undefined = Effect.runFork(runSwitch({
    path,
    loaded,
    verbose: call.yes("verbose"),
    stories: call.text("stories") === "all" ? "all" : "failures",
    journalLost: call.yes("journal-lost"),
    onHangup: (listener) => void hangups.push(listener)
  }))
  call.streams.signals(
    () => {
      if (fiber === undefined) return
      call.streams.say("draining; a second signal ends at once")
      Effect.runFork(Fiber.interrupt(fiber))
    },
    () => {
      for (const listener of hangups) listener()
    }
  )
  const exit = await Effect.runPromise(Fiber.await(fiber))
  // The process's signals hold on to these, and these to all that is to be wiped.
  fiber = undefined
  hangups.length = 0
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return 0
  const failure = exit.cause.reasons.find(Cause.isFailReason)
  if (failure === undefined) throw Cause.squash(exit.cause)
  throw new Refusal(3, failure.error.message)
}
