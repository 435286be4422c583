/** Faces of an imaginary switch, for the admin listener and the verbs that ask it. */

import { Effect } from "effect"
import type { AdminFaces } from "../../src/admin/faces.ts"
import { consoleFiles } from "../../src/console/console.ts"
import type { JournalHealth } from "../../src/domain/ports/journal.ts"
import type { UpstreamStatus } from "../../src/domain/ports/upstream.ts"

export const goodJournal: JournalHealth = {
  mode: "strict",
  givenUp: [],
  records: 10,
  maxRecords: 1_000,
  waitingMs: 0,
  bytes: 1000,
  maxBytes: 1_000_000,
  level: "open",
  feedPending: 0,
  oldestFeedMs: undefined,
  commitP50Ms: 0.6,
  commitP99Ms: 2
}

export const goodUpstream: UpstreamStatus = {
  name: "acquirer",
  kind: "iso8583",
  breaker: "closed",
  links: [{ index: 0, state: "up" }],
  inFlight: 3,
  window: 256
}

/** What was asked for, in order, and the faces that keep it. */
export function makeFaces(change: Partial<AdminFaces> = {}) {
  const calls: Array<string> = []
  const faces: AdminFaces = {
    scrape: () => "pointsman_sessions 0\n",
    readiness: {
      draining: () => false,
      listening: () => true,
      journal: () => goodJournal,
      upstreams: () => [goodUpstream]
    },
    recordable: () => true,
    health: () => ({ mode: "strict", config: 1 }),
    sessions: {
      list: (
        terminal
      ) => [{
        terminals: [terminal ?? "T1      "],
        listener: "terminals",
        remote: "127.0.0.1:4711",
        state: "proven",
        messages: 12,
        owed: 1
      }],
      ended: () => [{ terminal: "T2", reason: "idle", messages: 7, endedMs: 1_772_445_600_000 }],
      close: (terminal) => {
        calls.push(`close ${terminal}`)
        return terminal === "T1"
      }
    },
    serials: {
      list: (terminal) => [{
        terminal: terminal ?? "T1      ",
        baseKey: "bdk-demo",
        device: "FFFF 9876 5400 00E0 0000",
        highest: 40,
        released: false
      }],
      forget: (terminal, sameDevice) => {
        calls.push(`forget ${terminal}${sameDevice ? " the same" : ""}`)
        return Effect.succeed(terminal === "T1")
      }
    },
    upstreams: {
      list: () => [goodUpstream],
      force: (name, to) => {
        calls.push(`force ${name} ${to}`)
        return name === "acquirer"
      },
      drain: (name, link) => {
        calls.push(`drain ${name} ${link}`)
        return link === 0
      },
      resume: (name, link) => {
        calls.push(`resume ${name} ${link}`)
        return link === 0
      }
    },
    advices: { list: () => [{ transaction: "t", upstream: "acquirer", attempts: 2 }] },
    exceptions: {
      list: () => Effect.succeed([{ id: "e1", reason: "late-approval", detail: "…" }]),
      resolve: (id, note) => {
        calls.push(`resolve ${id} ${note}`)
        return Effect.succeed(id === "e1")
      }
    },
    transactions: {
      search: (query) => {
        calls.push(`search ${JSON.stringify(query)}`)
        const sealed = new Uint8Array([1, 2, 3])
        return Effect.succeed([{ id: "t", terminal: "T1", note: "4111111111111111", sealed }])
      }
    },
    console: consoleFiles,
    lab: { decode: (hex) => hex === "00" ? { dialect: "iso87-ascii", fields: [] } : undefined },
    reload: Effect.succeed({ version: 2, changes: ["routes.tea added"], refused: [] }),
    drain: Effect.sync(() => void calls.push("drain")),
    ...change
  }
  return { calls, faces }
}
