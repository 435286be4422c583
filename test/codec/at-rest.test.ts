/** What the record of a request keeps: made in a thread, it is what the station would have made. */

import { afterEach, describe, expect, it } from "vitest"
import { inPlaceJobs } from "../../src/codec/pool.ts"
import type { KeyHandle } from "../../src/domain/brand.ts"
import { contentText } from "../../src/domain/fingerprint.ts"
import type { AtRest, Decoded } from "../../src/domain/ports/codec.ts"
import type { TerminalProfile } from "../../src/domain/ports/terminals.ts"
import { makeSealing } from "../../src/domain/sealing.ts"
import type { Dialect, Message } from "../../src/iso8583/message.ts"
import { isFault } from "../../src/security/security-fault.ts"
import { makeVault, type VaultKeys } from "../../src/security/vault.ts"
import { Arrival } from "../../src/session/arrival.ts"
import { submissionOf } from "../../src/session/submission.ts"
import { cup, keyC, saleC, type Station, station } from "./station.ts"

const keys = (): VaultKeys => ({
  data: new Map([[1, Buffer.alloc(32, 1)], [2, Buffer.alloc(32, 2)]]),
  digest: Buffer.alloc(32, 9)
})

function sealing() {
  const vault = makeVault(keys(), (bytes) => new Uint8Array(bytes).fill(5))
  if (isFault(vault)) throw new Error(vault.code)
  return makeSealing(vault)
}

const open: Array<Station> = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

/** Enough of them for a thread. */
async function decoded(
  body: Uint8Array,
  options: Parameters<typeof station>[0],
  key: KeyHandle = keyC
): Promise<Array<Decoded>> {
  const at = await station(options)
  open.push(at)
  const lane = at.codec.lane()
  const count = inPlaceJobs + 1
  const results = await new Promise<Array<Decoded>>((resolve) => {
    const heard: Array<Decoded> = []
    for (let index = 0; index < count; index++) {
      at.codec.decode(lane, cup, Buffer.from(body), key, (result) => {
        if (heard.push(result) === count) resolve(heard)
      })
    }
  })
  expect(at.counts.pool).toBe(options?.workers === 0 ? 0 : count)
  return results
}

function keptOf(results: ReadonlyArray<Decoded>): Array<AtRest | undefined> {
  return results.map((each) => each._tag === "message" ? each.atRest : undefined)
}

function submitted(message: Message) {
  const profile = { terminal: "65465423", merchant: "M" } as unknown as TerminalProfile
  const arrival = new Arrival(new Uint8Array(0), message.bytes, 0)
  const kind = message.kind()!
  const submission = submissionOf({ arrival, message, profile, kind }, 1, undefined)
  if (typeof submission === "string") throw new Error(submission)
  return submission
}

function read(dialect: Dialect, body: Uint8Array): Message {
  const message = dialect.read(body)
  if (!("mti" in message)) throw new Error(message.path)
  return message
}

describe("what a request's record keeps", () => {
  it("is made in the thread as the station would make it", async () => {
    const kept = keptOf(await decoded(saleC(), { vault: keys }))
    const submission = submitted(read(cup, saleC()))
    const { digest, open: opened } = sealing()
    for (const each of kept) {
      expect(each?.fingerprint).toBe(digest(contentText(submission)))
      const { cardSequence, expiry, pan } = submission
      expect(opened(each?.sealed)).toEqual({
        ...(pan === undefined ? {} : { pan }),
        ...(expiry === undefined ? {} : { expiry }),
        ...(cardSequence === undefined ? {} : { cardSequence })
      })
    }
    expect(submission.pan).toMatch(/^\d{12,19}$/)
    // No two are sealed alike, and no two threads share a key stream.
    const more = keptOf(await decoded(saleC(), { vault: keys, workers: 2 }))
    const texts = [...kept, ...more].map((each) => Buffer.from(each!.sealed).toString("hex"))
    expect(new Set(texts).size).toBe(texts.length)
  })

  it("is of another content when anything of it changes", async () => {
    const prints = new Set<string>()
    for (const change of ["amount", "currency", "pan"] as const) {
      const message = read(cup, saleC())
      const path = cup.pathOf(change)!
      const was = message.text(path) ?? ""
      const set = { [path]: was.slice(0, -1) + (was.endsWith("7") ? "8" : "7") }
      const body = cup.patch(message, { set, mac: true })
      const [first] = keptOf(await decoded(body, { vault: keys }, 99 as KeyHandle))
      prints.add(first!.fingerprint)
    }
    const [plain] = keptOf(await decoded(saleC(), { vault: keys }))
    expect(prints.add(plain!.fingerprint).size).toBe(4)
  })

  it("is left to the station where no thread has the vault, and where it is nobody's", async () => {
    for (const options of [{}, { vault: keys, workers: 0 }]) {
      expect(keptOf(await decoded(saleC(), options)).filter(Boolean)).toEqual([])
    }
    // A wrong MAC is not worth the work, and neither is an answer.
    const wrong = keptOf(await decoded(saleC(), { vault: keys }, 1 as KeyHandle))
    expect(wrong.filter(Boolean)).toEqual([])
    const answer = cup.respond(read(cup, saleC()), cup.responseCode("00"), {}, true)
    const answers = keptOf(await decoded(answer, { vault: keys }, 99 as KeyHandle))
    expect(answers.filter(Boolean)).toEqual([])
  })
})
