/**
 * `pointsman demo` (`npm start`): everything at once on this machine, each part a process of its
 * own: PostgreSQL inside the switch, two acquirers, a wallet, terminals with cards and pay codes.
 * A live line until Ctrl-C, which drains and compares the books.
 */

import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { type RunningVerb, startVerb } from "./child-process.ts"
import { configPath, loadedConfig } from "./configuration.ts"
import { DemoBoard } from "./demo-board.ts"
import { pause } from "./stopwatch.ts"
import { type Action, type Call, configFlag, Refusal } from "./verb.ts"

/** How long each part may take to come up, and to come to rest. */
const startSeconds = 60
const restSeconds = 90

/**
 * One acquirer falls silent this long after the start, for this long, and again and again. Long
 * enough for its breaker to open: requests count as slow after a while, and by then what was
 * answered before must not outvote them any more.
 */
const tormentAfterSeconds = 20
export const tormentSeconds = 12
const tormentEverySeconds = 60

export const verb: Action = {
  about: "Starts the switch with embedded PostgreSQL, two simulated acquirers, a wallet and " +
    "terminals, and shows a live line until Ctrl-C; then drains and compares the books.",
  parameters: [],
  flags: {
    config: configFlag,
    terminals: {
      type: "number",
      value: "<n>",
      about: "terminals, half of each dialect",
      fallback: 200
    },
    rate: { type: "number", value: "<n>", about: "transactions a second", fallback: 40 },
    seconds: {
      type: "number",
      value: "<s>",
      about: "end by itself after this; 0 = never",
      fallback: 0
    },
    "no-torment": { type: "yes", about: "let every acquirer be well all the time" }
  },
  examples: [["demo", "what npm start does"], ["demo --seconds 30 --rate 200", "half a minute"]],
  run
}

/** Counters with a soundbox, which announces what customers paid at their printed codes. */
const devices = 20

const controls = { acquirer: 9901, unionpay: 9902 } as const

async function run(call: Call): Promise<0 | 1> {
  const { config } = await loadedConfig(call)
  const folder = join(config.journal.path, "..", "demo-books")
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const book = (name: string) => join(folder, `${name}.book`)
  const common = ["--config", configPath(call)]
  const say = (line: string) => call.streams.say(line)
  let wanted = true
  call.streams.signals(() => {
    wanted = false
  }, () => {})
  say("starting PostgreSQL and the switch")
  const switching = startVerb(["start", ...common], { log: join(folder, "switch.log") })
  const board = new DemoBoard(config.admin.port)
  if (!await board.answers(startSeconds, () => !switching.isEnded())) {
    throw new Refusal(3, `the switch did not start; its log: ${join(folder, "switch.log")}`)
  }
  const upstreams = startUpstreams(common, book)
  if (!await board.isReady(startSeconds)) throw new Refusal(3, "no acquirer came up in time")
  const soundboxes = startSoundboxes(common, book)
  const fleets = [...startFleets(call, common, book), soundboxes]
  say("Ctrl-C drains and compares the books")
  await watch(call, board, fleets, () => wanted && !switching.isEnded())
  say("\nterminals finish what they have open")
  const told = await endAll(fleets.filter((fleet) => fleet !== soundboxes))
  const rests = await board.comesToRest(restSeconds)
  if (!rests) say(`something is still pending after ${restSeconds} s; the books say what`)
  const acquirers = await endAll(upstreams)
  // They hear of the last payments: the next demo's would tell of them, and its books know of none.
  await pause(1)
  const heard = await endAll([soundboxes])
  switching.stop()
  const { code } = await switching.ended
  for (const line of [...told, ...heard, ...acquirers]) call.streams.out(line)
  const names = ["cup", "iso", "devices", "acquirer", "unionpay", "wallet"].map(book)
  const verdict = await startVerb(["audit", "--settled", ...common, ...names]).ended
  call.streams.out(verdict.output)
  return code === 0 && verdict.code === 0 ? 0 : 1
}

function startUpstreams(common: ReadonlyArray<string>, book: (name: string) => string) {
  const acquirer = (name: keyof typeof controls, mood: string) =>
    startVerb(
      ["acquirer", "--upstream", name, "--control", String(controls[name]), "--mood", mood].concat(
        ["--book", book(name)],
        common
      ),
      { quiet: true }
    )
  return [
    acquirer("acquirer", "approve=95,decline=5"),
    acquirer("unionpay", "approve=95,decline=4,slow=1"),
    startVerb(
      ["wallet", ...common, "--mood", "pay=9,wait=1", "--notices", 2, "--book", book("wallet")],
      { quiet: true }
    )
  ]
}

function startFleets(
  call: Call,
  common: ReadonlyArray<string>,
  book: (name: string) => string
): ReadonlyArray<RunningVerb> {
  const each = Math.ceil((call.number("terminals") ?? 0) / 2)
  const rate = (call.number("rate") ?? 0) / 2
  const fleet = (listener: string, group: string, mix: string) =>
    startVerb(
      ["terminals", "--listener", listener, "--group", group, "--count", String(each)].concat(
        ["--rate", String(rate), "--mix", mix, "--churn", "0.005"],
        ["--report", "1", "--book", book(group)],
        common
      ),
      { quiet: true }
    )
  return [
    fleet("terminals", "cup", "sale=8,void=1,balance=1,pay-code=2"),
    fleet("ascii-terminals", "iso", "sale=8,void=1,refund=0.5,preauth=1,completion=1")
  ]
}

function startSoundboxes(
  common: ReadonlyArray<string>,
  book: (name: string) => string
): RunningVerb {
  const words = ["devices", "--count", String(devices), "--report", "1", "--book", book("devices")]
  return startVerb([...words, ...common], { quiet: true })
}

/** The live line, once a second, until Ctrl-C or the end that was asked for. */
async function watch(
  call: Call,
  board: DemoBoard,
  fleets: ReadonlyArray<RunningVerb>,
  goesOn: () => boolean
): Promise<void> {
  const seconds = call.number("seconds") ?? 0
  const last = seconds > 0 ? seconds : Number.POSITIVE_INFINITY
  for (let second = 1; second <= last && goesOn(); second++) {
    await pause(1)
    const line = await board.line(fleets.map(({ lastLine }) => lastLine()))
    call.streams.say(line)
    if (!call.yes("no-torment")) await torment(call, second)
  }
}

async function torment(call: Call, second: number): Promise<void> {
  const into = (second - tormentAfterSeconds) % tormentEverySeconds
  if (second < tormentAfterSeconds || into !== 0 && into !== tormentSeconds) return
  const silent = into === 0
  call.streams.say(silent ? "unionpay falls silent" : "unionpay is well again")
  const shares = silent ? { silent: 1 } : { approve: 95, decline: 4, slow: 1 }
  await fetch(`http://127.0.0.1:${controls.unionpay}/`, {
    method: "POST",
    body: JSON.stringify({ shares })
  }).catch(() => {})
}

async function endAll(parts: ReadonlyArray<RunningVerb>): Promise<ReadonlyArray<string>> {
  for (const part of parts) part.stop()
  const ends = await Promise.all(parts.map(({ ended }) => ended))
  return ends.map(({ output }) => `${output.trimEnd().split("\n").at(-1) ?? ""}\n`)
}
