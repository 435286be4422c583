/**
 * Schema version 2: what happens around transactions. Keys are natural, so that writing a row again
 * changes nothing; `watermarks` says how far each writer lane of each node has come, and betrays a
 * database that lost rows which it had confirmed.
 */

import { createTable, statements, type Table } from "./table.ts"

const written = [
  "written_at",
  "timestamptz NOT NULL DEFAULT now()",
  "The row was written here"
] as const

const amount = ["amount", "bigint NOT NULL CHECK (amount >= 0)", "Minor units"] as const
const currency = ["currency", "text NOT NULL", "ISO 4217 numeric code"] as const

export const tables: ReadonlyArray<Table> = [
  {
    name: "advices",
    comment: "Store-and-forward: one chain a transaction, until the upstream acknowledges it or " +
      "a person takes it from the exceptions.",
    columns: [
      ["transaction", "uuid PRIMARY KEY", "The transaction that is reversed or completed"],
      ["kind", "text NOT NULL", "reversal, completion-advice, wallet-undo"],
      ["upstream", "text NOT NULL", "The upstream that saw the original"],
      ["reason", "text NOT NULL", "Failure that opened it, terminal-reversal, or operator"],
      ["stan", "text NOT NULL", "Trace number of the advice"],
      ["attempts", "integer NOT NULL", "How often it was handed to a connection"],
      ["created_at", "timestamptz NOT NULL", "The chain was opened"],
      ["next_at", "timestamptz NOT NULL", "Not sent again before this"],
      ["state", "text NOT NULL", "pending, acknowledged, exhausted"],
      ["last_response", "text", "Response code of the upstream's last answer"],
      written
    ],
    constraints: []
  },
  {
    name: "orders",
    comment: "QR orders: what a shop waited for, and whether it was paid.",
    columns: [
      ["order_number", "text PRIMARY KEY", "Our order number, as sent to the wallet"],
      ["transaction", "uuid NOT NULL", "Its transaction"],
      ["terminal", "text NOT NULL", "The terminal that asked"],
      ["merchant", "text NOT NULL", "Its merchant"],
      ["scheme", "text NOT NULL", "The wallet"],
      ["channel", "text NOT NULL", "qr-customer, qr-screen, qr-printed"],
      amount,
      currency,
      ["created_at", "timestamptz NOT NULL", "The order was made"],
      ["expires_at", "timestamptz NOT NULL", "Not payable after this"],
      ["state", "text NOT NULL", "waiting, closed, paid; it only moves to the right"],
      written
    ],
    constraints: []
  },
  {
    name: "notifications",
    comment: "Payment notices of wallets, verified, each once. Insert only.",
    columns: [
      ["id", "text PRIMARY KEY", "Scheme and the scheme's own number of the notice"],
      ["scheme", "text NOT NULL", "The wallet"],
      ["payment", "text NOT NULL", "The wallet's transaction number"],
      ["order_number", "text", "Order that it speaks of"],
      ["counter", "text", "Counter whose printed code was scanned"],
      ["event", "text NOT NULL", "paid, refunded, refund-closed, refund-abnormal, closed"],
      [
        amount[0],
        amount[1],
        "Minor units; of Alipay's refunds all that was given back of the payment so far"
      ],
      currency,
      ["merchant_account", "text NOT NULL", "Our account at the wallet"],
      ["payer_mask", "text", "Masked name of the payer"],
      ["paid_at", "timestamptz NOT NULL", "When the wallet says that it happened"],
      ["received_at", "timestamptz NOT NULL", "When we received the notice"],
      written
    ],
    constraints: []
  },
  {
    name: "pushes",
    comment: "What a terminal had to hear, until it said that it had.",
    columns: [
      ["terminal", "text NOT NULL", "The terminal"],
      ["sequence", "bigint NOT NULL", "Its own count of pushes: a repeat is recognisable by it"],
      ["transaction", "uuid NOT NULL", "The transaction that it tells of"],
      ["body", "jsonb NOT NULL", "What the terminal is told"],
      ["created_at", "timestamptz NOT NULL", "The push was made"],
      ["expires_at", "timestamptz NOT NULL", "Not sent after this"],
      ["attempts", "integer NOT NULL", "How often it was sent"],
      ["state", "text NOT NULL", "pending, expired, acknowledged; it only moves to the right"],
      written
    ],
    constraints: ["PRIMARY KEY (terminal, sequence)"]
  },
  {
    name: "batches",
    comment: "Batch closes of terminals: their totals beside ours. Insert only.",
    columns: [
      ["id", "uuid PRIMARY KEY", "The close request's transaction"],
      ["terminal", "text NOT NULL", "The terminal"],
      ["merchant", "text NOT NULL", "Its merchant"],
      ["batch", "text NOT NULL", "The batch that was closed"],
      ["closed_at", "timestamptz NOT NULL", "The close was received"],
      ["balanced", "boolean NOT NULL", "Both sides agreed"],
      [
        "declared",
        "jsonb NOT NULL",
        "The terminal's totals: domestic and foreign, debit and " +
        "credit, amount in minor units and count"
      ],
      ["counted", "jsonb NOT NULL", "Our totals, in the same form"],
      written
    ],
    constraints: []
  },
  {
    name: "exceptions",
    comment: "What a person must look at. The switch inserts; operators resolve.",
    columns: [
      ["id", "text PRIMARY KEY", "Name of the exception; raising it again changes nothing"],
      ["transaction", "uuid", "The transaction that it is about"],
      ["reason", "text NOT NULL", "Why it was raised"],
      ["detail", "text NOT NULL", "What is known, masked"],
      ["raised_at", "timestamptz NOT NULL", "When it was raised"],
      ["resolved_at", "timestamptz", "When it was resolved; absent while it is open"],
      ["resolved_by", "text", "Who resolved it"],
      ["resolution", "text", "What was done"],
      written
    ],
    constraints: []
  },
  {
    name: "watermarks",
    comment: "How far each writer lane of each node has come in that node's journal.",
    columns: [
      ["node", "text NOT NULL", "Node of the switch"],
      ["lane", "integer NOT NULL", "Writer lane of the node, from 0"],
      ["sequence", "bigint NOT NULL", "Highest journal sequence that this lane has written"],
      written
    ],
    constraints: ["PRIMARY KEY (node, lane)"],
    storage: "WITH (fillfactor = 50)"
  }
]

/** Open exceptions are listed and counted all the time; the resolved ones are history. */
const indexes = [
  "CREATE INDEX exceptions_open ON exceptions (raised_at) WHERE resolved_at IS NULL",
  "CREATE INDEX batches_terminal ON batches (terminal, batch)"
]

export const migration = statements([...tables.flatMap(createTable), ...indexes])
