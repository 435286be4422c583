/**
 * Canaries: card numbers, tracks, PIN blocks and a card verification value that exist nowhere else,
 * in transactions that end in every way; afterwards every byte that the switch and its PostgreSQL
 * left anywhere is searched for them (I6), and every byte of its memory once it has drained, as a
 * core dump would hold it. What must hold: the search finds what is there, which
 * the caller can see by what it finds of the masks.
 */

import { Effect } from "effect"
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { retainRows } from "../../src/ledger/aged-rows.ts"
import { retain } from "../../src/ledger/retention.ts"
import { Counter } from "../e2e/counter.ts"
import { Host } from "../e2e/host.ts"
import { makeSite, type Site } from "../e2e/site.ts"
import { ascii } from "../e2e/speech.ts"
import { linked, startSwitch } from "../e2e/switch.ts"
import { readMemory } from "./process-memory.ts"

/** Card numbers are bin, marker, four digits of their own and a check digit: 19 digits. */
const bin = "411111"
const marker = "90731648"
const discretionary = "5550173921"
const holder = "CANARY/ALICE"
const verification = "CVVCANARY731"
const pinMarker = "C0FFEE5EC2E7"

/** What of a transaction may be kept: the mask. Found, it shows that the search sees the rows. */
const mask = `${bin}*********`

/**
 * So many pieces of secrets may still stand in the memory of a switch that has drained, of some
 * fifty that each transaction put there: a part of one message, in a block of C++ that has taken
 * over what was freed and used a part of it. Seen: 0, after 600 transactions as after 10,000.
 */
export const mostLeftInMemory = 3

interface SearchedMemory {
  readonly searched: number
  readonly found: Readonly<Record<string, number>>
  readonly total: number
  /** What is certain to stand there was found too. */
  readonly sees: boolean
}

export interface Harvest {
  readonly planted: number
  readonly searched: number
  /** Secrets in clear, by file and place. */
  readonly found: ReadonlyArray<string>
  /** Of the switch's memory after it had drained; undefined where it cannot be read. */
  readonly memory: SearchedMemory | undefined
  /** How the transactions ended, with how often. */
  readonly ends: Readonly<Record<string, number>>
  /** Files in which the mask was found. */
  readonly masks: ReadonlyArray<string>
  /** Transactions with a card, and those of them that have a token. */
  readonly cards: number
  readonly tokens: number
  /** Rows that `retain` exported. */
  readonly exported: number
}

export async function plantCanaries(transactions: number): Promise<Harvest> {
  const site = await makeSite()
  const acquirer = new Host(ascii)
  try {
    await acquirer.listen(site.ports.acquirer)
    writeFileSync(join(site.folder, "config", "pan-token.hex"), "5a".repeat(32))
    site.write((config) => {
      config.ledger["panToken"] = { file: "pan-token.hex" }
      config.journal["maxBytes"] = (16 + Math.ceil(transactions / 200)) * 1024 * 1024
      // Answers never come for some: their reversals keep what they need.
      for (const upstream of config.upstreams) {
        upstream["timeoutMs"] = 400
        upstream["breaker"] = { minimumCalls: 10_000, failuresInARow: 10_000, slowMs: 300 }
      }
    })
    const running = await startSwitch(site, ["--stories", "all", "--verbose"], heldAtEnd)
    await linked(running, "acquirer")
    answerInEveryWay(acquirer)
    await sellAll(site, transactions)
    await running.comesToRest(120_000)
    const rows = await site.rows<{ ending: string; often: number }>(
      `SELECT coalesce(failure, response, state) AS ending, count(*)::int AS often
       FROM transactions GROUP BY 1`
    )
    const [held = { cards: 0, tokens: 0 }] = await site.rows<{ cards: number; tokens: number }>(
      `SELECT count(pan_mask)::int AS cards, count(pan_token)::int AS tokens FROM transactions`
    )
    const ends = Object.fromEntries(rows.map(({ ending, often }) => [ending, often]))
    const texts = [
      (await running.ask("/metrics")).text,
      (await running.ask("/healthz")).text,
      (await running.ask("/api/transactions?terminal=T0000101")).text
    ]
    const archive = await exported(site)
    texts.push(archive)
    running.process.kill("SIGTERM")
    await running.process.heard(/held at its end/)
    const memory = existsSync("/proc/self/mem") ? searchMemory(running.process.pid) : undefined
    running.process.kill("SIGKILL")
    await running.process.ended
    texts.push(running.process.talk, running.process.out)
    const search = new Search()
    for (const [index, text] of texts.entries()) search.bytes(`text ${index}`, Buffer.from(text))
    for (const file of filesBelow(join(site.folder, "data"))) search.file(file)
    return {
      planted: transactions * 6,
      ends,
      ...held,
      exported: archive.split("\n").length - 1,
      memory,
      ...search.harvest
    }
  } finally {
    await site.end()
    await acquirer.close()
  }
}

/** Every row of the ledger as `retain` writes it, of today too, beside the running switch. */
async function exported(site: Site): Promise<string> {
  const folder = join(site.folder, "archive")
  const query = { beforeDay: "2099-01-01", folder, drop: false }
  await site.asked(Effect.andThen(retain(query), retainRows(query)))
  return readdirSync(folder)
    .map((name) => gunzipSync(readFileSync(join(folder, name))).toString())
    .join("")
}

/** Approved, declined, approved with the card's number echoed, and silence. */
function answerInEveryWay(acquirer: Host): void {
  const { dialect } = ascii
  let asked = 0
  acquirer.answer = (request) => {
    if (request.kind() === "reversal") return { body: acquirer.approval(request) }
    switch (++asked % 10) {
      case 0:
        return "silence"
      case 1:
        return { body: dialect.respond(request, "05", {}, false) }
      case 2: {
        const values = { "2": request.text("2"), "44": `card ${request.text("2")}` }
        return { body: dialect.respond(request, "00", { ...values, "38": "A1" }, false) }
      }
      case 3:
        return { body: Buffer.from(`0210${request.text("2")}`, "latin1") }
      default:
        return { body: acquirer.approval(request) }
    }
  }
}

const counters = 20

async function sellAll(site: Site, transactions: number): Promise<void> {
  let next = 0
  await Promise.all(Array.from({ length: counters }, async (_, index) => {
    const counter = await new Counter(site.ports.ascii, 101 + index).signOn()
    while (next < transactions) {
      const body = counter.sale(secretsOf(next++))
      // Some cannot be read to their end, and are refused with what they hold.
      await counter.caller.ask(next % 25 === 0 ? body.subarray(0, body.length - 3) : body)
    }
    counter.caller.close()
  }))
}

function secretsOf(number: number): Readonly<Record<string, string>> {
  const pan = cardNumber(number)
  const track = `${pan}=3012201${discretionary}`
  const packed = track.replace("=", "D").padEnd(track.length + track.length % 2, "F")
  const length = (packed.length / 2).toString(16).padStart(2, "0")
  return {
    "2": number % 12 === 5 ? `3${pan.slice(1)}` : pan,
    "35": track,
    "45": `B${pan}^${holder}^3012201${discretionary}`,
    "48": `${verification} ${pan}`,
    "52": pinMarker + number.toString(16).padStart(4, "0").slice(-4),
    "55": `5A0A${pan}F57${length}${packed}`
  }
}

function cardNumber(number: number): string {
  const digits = `${bin}${marker}${String(number % 10_000).padStart(4, "0")}`
  let sum = 0
  for (const [index, digit] of [...digits].toReversed().entries()) {
    const value = Number(digit) * (index % 2 === 0 ? 2 : 1)
    sum += value > 9 ? value - 9 : value
  }
  return digits + String((10 - sum % 10) % 10)
}

/** As text, and as packed digits that begin at either half of a byte. */
function patterns(): ReadonlyArray<readonly [string, Buffer]> {
  const text = (what: string) => Buffer.from(what, "latin1")
  const packed = (digits: string) => Buffer.from(digits.slice(0, digits.length & ~1), "hex")
  return [
    ["card number", text(marker)],
    ["card number, packed", packed(bin + marker)],
    ["card number, packed", packed((bin + marker).slice(1))],
    ["track", text(discretionary)],
    ["track, packed", packed(discretionary)],
    ["track, packed", packed(discretionary.slice(1))],
    ["holder", text(holder)],
    ["verification value", text(verification)],
    ["PIN block", Buffer.from(pinMarker, "hex")],
    ["PIN block", text(pinMarker)],
    ["PIN block", text(pinMarker.toLowerCase())]
  ]
}

/** The switch's own process, held when it has drained and closed everything. */
const heldAtEnd = [
  "env",
  `SEEN_IN_MEMORY=${holder.toLowerCase()}`,
  `NODE_OPTIONS=--import ${join(import.meta.dirname, "held-at-end.js")}`
]

/** What a core dump would show: the same secrets, and texts of two bytes a character. */
function searchMemory(pid: number): SearchedMemory {
  const sought = [
    ...patterns(),
    ...[marker, discretionary, holder, verification].map((what) =>
      ["text of two bytes a character", Buffer.from(what, "utf16le")] as const
    )
  ]
  const found: Record<string, number> = {}
  const control = Buffer.from(holder.toLowerCase(), "latin1")
  let searched = 0
  let sees = false
  readMemory(pid, overlap, (part, { name }) => {
    searched += part.length
    sees ||= part.includes(control)
    for (const [what, pattern] of sought) {
      const place = `${what} in ${name === "" ? "anonymous memory" : name}`
      for (let at = part.indexOf(pattern); at >= 0; at = part.indexOf(pattern, at + 1)) {
        found[place] = (found[place] ?? 0) + 1
      }
    }
  })
  const total = Object.values(found).reduce((sum, often) => sum + often, 0)
  return { searched, found, total, sees }
}

const partBytes = 4 * 1024 * 1024
/** Longer than every pattern. */
const overlap = 64

class Search {
  readonly #found: Array<string> = []
  readonly #masks: Array<string> = []
  readonly #patterns = patterns()
  #searched = 0

  get harvest() {
    return { found: this.#found, masks: this.#masks, searched: this.#searched }
  }

  bytes(name: string, bytes: Buffer): void {
    this.#searched += bytes.length
    for (const [what, pattern] of this.#patterns) {
      const at = bytes.indexOf(pattern)
      if (at >= 0) this.#found.push(`${what} in ${name} at ${at}`)
    }
    if (bytes.includes(mask) && !this.#masks.includes(name)) this.#masks.push(name)
  }

  file(path: string): void {
    const file = openSync(path, "r")
    const part = Buffer.alloc(partBytes)
    for (let offset = 0;; offset += partBytes - overlap) {
      const length = readSync(file, part, 0, partBytes, offset)
      if (length <= 0) break
      this.bytes(path, part.subarray(0, length))
      if (length < partBytes) break
    }
    closeSync(file)
  }
}

function filesBelow(folder: string): ReadonlyArray<string> {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
}
