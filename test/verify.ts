/**
 * `npm run verify -- <what>`: the long forms of what `npm test` does in short: `seeds` (simulated
 * worlds), `kills` (processes killed under load), `secrets` (canaries at rest), `fuzz` (bytes
 * through codec and framer). Each prints what would repeat it, and exits 1 when it found something.
 */

import { spawn } from "node:child_process"
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"

const root = join(import.meta.dirname, "..")

interface Form {
  readonly about: string
  readonly run: (words: ReadonlyArray<string>) => Promise<number>
}

/** A program of this repository under the same Node; its exit code. */
function program(...words: ReadonlyArray<string>): Promise<number> {
  const [file = "", ...args] = words
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, file), ...args], { stdio: "inherit" })
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => child.kill(signal))
    }
    child.on("close", (code) => resolve(code ?? 1))
  })
}

/** What a round of kills found, as one line of the book. */
interface Round {
  readonly seed: number
  readonly kills: number
  readonly transactions: number
  readonly reversed: number
}

/** The rounds that earlier runs have written into the book: the next run goes on behind them. */
function roundsIn(book: string | undefined): Array<Round> {
  if (book === undefined || !existsSync(book)) return []
  const lines = readFileSync(book, "utf8").split("\n").filter((line) => line !== "")
  return lines.map((line) => JSON.parse(line) as Round)
}

const killWords = {
  switch: { type: "string", default: "200" },
  postgres: { type: "string", default: "50" },
  round: { type: "string", default: "20" },
  seed: { type: "string" },
  book: { type: "string" },
  rounds: { type: "string" }
} as const

async function kills(words: ReadonlyArray<string>): Promise<number> {
  const { values } = parseArgs({ args: [...words], options: killWords })
  const { kill } = await import("./chaos/kills.ts")
  const done = roundsIn(values.book)
  const first = done[0]?.seed ?? Number(values.seed ?? Date.now() % 1_000_000)
  const wanted = { switch: Number(values.switch), postgres: Number(values.postgres) }
  // In rounds, each with books of its own, so that what is found is found soon and is small.
  const rounds = Math.max(1, Math.ceil(wanted.switch / Number(values.round)))
  const last = Math.min(rounds, done.length + Number(values.rounds ?? rounds))
  const share = (all: number, round: number) =>
    Math.floor(all * (round + 1) / rounds) - Math.floor(all * round / rounds)
  for (let round = done.length; round < last; round++) {
    const seed = first + round
    const switchKills = share(wanted.switch, round)
    const postgresKills = share(wanted.postgres, round)
    const again = `npm run verify -- kills --switch ${switchKills} --postgres ${postgresKills} ` +
      `--round ${Math.max(1, switchKills)} --seed ${seed}`
    const verdict = await kill({ seed, switchKills, postgresKills })
    const clean = verdict.violations.length === 0 && verdict.left === 0 && verdict.end.code === 0
    process.stdout.write(`round ${round + 1} of ${rounds}: ${JSON.stringify(verdict.counts)}\n`)
    if (!clean) {
      process.stdout.write(`${JSON.stringify(verdict, undefined, 2)}\nagain: ${again}\n`)
      return 1
    }
    done.push({
      seed,
      kills: switchKills + postgresKills + verdict.early,
      transactions: verdict.counts["terminals"] ?? 0,
      reversed: verdict.counts["reversed"] ?? 0
    })
    if (values.book !== undefined) appendFileSync(values.book, `${JSON.stringify(done.at(-1))}\n`)
  }
  const sum = (of: keyof Round) => done.reduce((total, round) => total + round[of], 0)
  process.stdout.write(
    `${done.length} of ${rounds} rounds, ${sum("kills")} kills, ${sum("transactions")} ` +
      `transactions, ${sum("reversed")} reversed: 0 lost, 0 doubled, 0 unreversed\n`
  )
  return 0
}

async function secrets(words: ReadonlyArray<string>): Promise<number> {
  const { values } = parseArgs({
    args: [...words],
    options: { transactions: { type: "string", default: "10000" } }
  })
  const { plantCanaries } = await import("./chaos/canaries.ts")
  const { found, memory, planted, searched } = await plantCanaries(Number(values.transactions))
  process.stdout.write(
    `${planted} secrets planted; at rest ${searched} bytes searched, ${found.length} found in ` +
      `clear; in memory after the drain ${memory?.searched ?? "no"} bytes searched, ` +
      `${memory?.total ?? 0} pieces found\n`
  )
  for (const each of found) process.stdout.write(`${each}\n`)
  for (const [place, often] of Object.entries(memory?.found ?? {})) {
    process.stdout.write(`${often} × ${place}\n`)
  }
  return found.length === 0 && (memory?.total ?? 0) === 0 ? 0 : 1
}

async function fuzz(words: ReadonlyArray<string>): Promise<number> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      for: { type: "string", default: "600s" },
      frames: { type: "string", default: "100000000" },
      seed: { type: "string" }
    }
  })
  const seed = values.seed === undefined ? [] : ["--seed", values.seed]
  const codec = await program("test/fuzz/codec.ts", "--for", values.for, ...seed)
  const frame = await program("test/fuzz/frame.ts", "--frames", values.frames, ...seed)
  return Math.max(codec, frame)
}

const worlds = ["--seeds", "20000", "--transactions", "1000", "--jobs", "2"]

const forms: Readonly<Record<string, Form>> = {
  seeds: {
    about: "20,000 simulated worlds of 1,000 transactions; takes the words of `simulate`",
    run: (words) => program("src/main.ts", "simulate", ...worlds, ...words)
  },
  kills: {
    about: "200 kills of the switch and 50 of PostgreSQL: --switch, --postgres, --round, --seed; " +
      "in pieces: --book <file> --rounds <most>, and the same again goes on where it ended",
    run: kills
  },
  secrets: {
    about: "canaries in 10,000 transactions, searched for at rest and in memory: --transactions",
    run: secrets
  },
  fuzz: { about: "codec (--for 600s) and framer (--frames 100000000): --seed", run: fuzz }
}

const [name = "", ...words] = process.argv.slice(2)
const form = Object.hasOwn(forms, name) ? forms[name] : undefined
if (form === undefined) {
  const lines = Object.entries(forms).map(([each, { about }]) => `  ${each.padEnd(8)} ${about}\n`)
  process.stderr.write(`usage: npm run verify -- <what> [options]\n${lines.join("")}`)
  process.exitCode = 2
} else {
  process.exitCode = await form.run(words)
}
