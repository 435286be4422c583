/**
 * The verbs, in the order in which help lists them. A verb that lives elsewhere (a simulator) is
 * one line here: its module exports `verb`.
 */

import type { Verb } from "./verb.ts"

export const verbGroups = {
  run: "Run the switch",
  message: "Look at messages",
  estate: "Routes, terminals, keys",
  operate: "A running switch",
  books: "What is on disk",
  simulate: "Simulators and load"
} as const

export interface VerbEntry {
  readonly group: keyof typeof verbGroups
  readonly summary: string
  readonly load: () => Promise<{ readonly verb: Verb }>
}

export const verbs: Readonly<Record<string, VerbEntry>> = {
  start: {
    group: "run",
    summary: "run the switch until SIGTERM, which drains it",
    load: () => import("./start.ts")
  },
  check: {
    group: "run",
    summary: "check a configuration and every file it names",
    load: () => import("./check.ts")
  },
  decode: {
    group: "message",
    summary: "explain a message field by field, masked",
    load: () => import("./decode.ts")
  },
  encode: {
    group: "message",
    summary: "make a message from its values",
    load: () => import("./encode.ts")
  },
  convert: {
    group: "message",
    summary: "write a message in another dialect",
    load: () => import("./convert.ts")
  },
  diff: {
    group: "message",
    summary: "compare two messages field by field",
    load: () => import("./diff.ts")
  },
  doctor: {
    group: "message",
    summary: "which dialect and framing fit these bytes?",
    load: () => import("./doctor.ts")
  },
  codes: {
    group: "message",
    summary: "QR codes: read, make, check many",
    load: () => import("./codes.ts")
  },
  import: {
    group: "message",
    summary: "make a dialect of a jPOS packager or a moov specification",
    load: () => import("./import.ts")
  },
  route: {
    group: "estate",
    summary: "explain where a transaction would go",
    load: () => import("./route.ts")
  },
  estate: {
    group: "estate",
    summary: "terminals and merchants: import, list, show",
    load: () => import("./estate.ts")
  },
  keys: {
    group: "estate",
    summary: "the key store, under dual control",
    load: () => import("./keys.ts")
  },
  sessions: {
    group: "operate",
    summary: "who is connected, and why the last ones left",
    load: () => import("./sessions.ts")
  },
  upstreams: {
    group: "operate",
    summary: "links and breakers: list, force, drain, resume",
    load: () => import("./upstreams.ts")
  },
  advices: {
    group: "operate",
    summary: "reversals that are not yet acknowledged",
    load: () => import("./advices.ts")
  },
  exceptions: {
    group: "operate",
    summary: "what was handed to a human: list, resolve",
    load: () => import("./exceptions.ts")
  },
  transactions: {
    group: "operate",
    summary: "find transactions by RRN, STAN or terminal",
    load: () => import("./transactions.ts")
  },
  reload: {
    group: "operate",
    summary: "apply the changed configuration, or say what stands in the way",
    load: () => import("./reload.ts")
  },
  drain: {
    group: "operate",
    summary: "stop accepting, finish what is in flight, end",
    load: () => import("./drain.ts")
  },
  journal: {
    group: "books",
    summary: "what the journal holds: inspect, verify, export",
    load: () => import("./journal.ts")
  },
  report: {
    group: "books",
    summary: "sales by hour, channel, merchant and upstream",
    load: () => import("./report.ts")
  },
  settle: {
    group: "books",
    summary: "what a terminal's batch adds up to",
    load: () => import("./settle.ts")
  },
  retain: {
    group: "books",
    summary: "export what is old from PostgreSQL, and let it go",
    load: () => import("./retain.ts")
  },
  reconcile: {
    group: "books",
    summary: "an upstream's file against PostgreSQL",
    load: () => import("./reconcile.ts")
  },
  health: {
    group: "operate",
    summary: "is it alive, is it ready (for HEALTHCHECK)",
    load: () => import("./health.ts")
  },
  acquirer: {
    group: "simulate",
    summary: "a simulated acquirer for an upstream of the configuration",
    load: () => import("./acquirer.ts")
  },
  terminals: {
    group: "simulate",
    summary: "simulated terminals of the estate against a running switch",
    load: () => import("./terminals.ts")
  },
  devices: {
    group: "simulate",
    summary: "simulated QR devices, and the script for their makers",
    load: () => import("./devices.ts")
  },
  hsm: {
    group: "simulate",
    summary: "a simulated security module that answers host commands",
    load: () => import("./hsm.ts")
  },
  simulate: {
    group: "simulate",
    summary: "seeded worlds: the whole switch under faults, judged by the books",
    load: () => import("./simulate.ts")
  },
  wallet: {
    group: "simulate",
    summary: "a simulated wallet: takes pay codes, sends signed notices",
    load: () => import("./wallet.ts")
  },
  demo: {
    group: "run",
    summary: "everything at once on this machine, with a live line",
    load: () => import("./demo.ts")
  },
  audit: {
    group: "books",
    summary: "compare the books of terminals, upstreams, journal and PostgreSQL",
    load: () => import("./audit.ts")
  }
}
