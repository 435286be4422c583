/** The judge, row by row of the design's table: what is permitted passes, what is not is told. */

import { describe, expect, it } from "vitest"
import type { Stan, TerminalId, TransactionId } from "../../src/domain/brand.ts"
import { audit, type Books, type SwitchRecord } from "../../src/simulate/audit.ts"
import {
  type BookLine,
  readBooks,
  TerminalBook,
  type TerminalEntry,
  UpstreamBook,
  type UpstreamEntry
} from "../../src/simulate/book.ts"

const asked = (change: Partial<TerminalEntry> = {}): TerminalEntry => ({
  terminal: "T0000001",
  merchant: "M1",
  batch: "000001",
  stan: "000007",
  kind: "sale",
  amount: 100,
  currency: "156",
  startedMs: 1,
  outcome: "approved",
  reversal: "none",
  ...change
})

const executed = (change: Partial<UpstreamEntry> = {}): UpstreamEntry => ({
  upstream: "acquirer-a",
  reference: "000900",
  terminal: "T0000001",
  merchant: "M1",
  kind: "sale",
  amount: 100,
  executedMs: 2,
  decision: "approved",
  times: 1,
  reversed: false,
  reversals: 0,
  repeats: 0,
  ...change
})

const recorded = (change: Partial<SwitchRecord> = {}): SwitchRecord => ({
  id: "id-1" as TransactionId,
  version: 3,
  state: "answered",
  kind: "sale",
  terminal: "T0000001" as TerminalId,
  stan: "000007" as Stan,
  batch: "000001",
  amount: 100,
  approved: true,
  upstream: "acquirer-a",
  upstreamStan: "000900" as Stan,
  times: { receivedMs: 1 },
  ...change
})

/** Of {@link recorded}. */
const voided = recorded({
  id: "id-2" as TransactionId,
  kind: "void",
  stan: "000008" as Stan,
  upstreamStan: "000901" as Stan,
  original: "id-1" as TransactionId
})

const unbalanced = { terminal: "T0000001", batch: "000001", balanced: false }
const closed = { terminal: "T0000001", batch: "000001", balanced: true }

const refusal = { approved: false, state: "timed-out" as const }

function judged(books: Partial<Books>): Array<string> {
  const whole: Books = {
    terminals: [],
    upstreams: [],
    journal: [],
    chains: new Set(),
    exceptions: new Set(),
    ...books
  }
  return audit(whole).violations.map(({ kind }) => kind)
}

describe("the table permits", () => {
  const permitted: ReadonlyArray<readonly [string, Partial<Books>]> = [
    ["approved and approved", {
      terminals: [asked()],
      upstreams: [executed()],
      journal: [recorded()]
    }],
    ["declined and declined", {
      terminals: [asked({ outcome: "declined" })],
      upstreams: [executed({ decision: "declined" })],
      journal: [recorded({ approved: false })]
    }],
    ["a wrong PIN, and declined for it", {
      terminals: [asked({ outcome: "declined", pin: "wrong", response: "55" })],
      upstreams: [executed({ decision: "declined", pin: "wrong" })],
      journal: [recorded({ approved: false })]
    }],
    ["a right PIN, where nobody looks at it, and none, where somebody does", {
      terminals: [asked({ pin: "right" }), asked({ stan: "000008" })],
      upstreams: [executed(), executed({ reference: "000901", pin: "none" })],
      journal: [
        recorded(),
        recorded({
          id: "id-2" as TransactionId,
          stan: "000008" as Stan,
          upstreamStan: "000901" as Stan
        })
      ]
    }],
    ["refused and never seen", {
      terminals: [asked({ outcome: "refused" })],
      journal: [recorded({ approved: false, state: "refused" })]
    }],
    ["refused, and approved and reversed", {
      terminals: [asked({ outcome: "refused" })],
      upstreams: [executed({ reversed: true, reversals: 1 })],
      journal: [recorded({ approved: false, state: "reversed" })]
    }],
    ["no answer, and approved while delivery is unconfirmed", {
      terminals: [asked({ outcome: "none" })],
      upstreams: [executed()],
      journal: [recorded({ state: "delivery-unconfirmed" })]
    }],
    ["anything while a chain is being sent", {
      terminals: [asked({ outcome: "refused" })],
      upstreams: [executed()],
      journal: [recorded({ ...refusal, state: "reversing" })],
      chains: new Set(["id-1"])
    }],
    ["a wallet that knows the merchant by its own name, and refunds what is voided", {
      terminals: [asked({ kind: "void" })],
      upstreams: [executed({ kind: "refund", merchant: "1900000109", reference: "W1" })],
      journal: [recorded({ kind: "void", walletReference: "W1" })]
    }],
    ["a close that is booked, more than once where its answer was lost", {
      closes: { told: [closed], rows: [closed, { ...closed, terminal: "T0000001 " }] }
    }],
    ["a close that is out of balance, by an answer that was never heard", {
      terminals: [asked({ kind: "refund", outcome: "none" })],
      upstreams: [executed({ kind: "refund" })],
      journal: [recorded({ kind: "refund" })],
      closes: { told: [unbalanced], rows: [unbalanced] }
    }],
    ["a refund whose answer nobody heard, and that all books have", {
      terminals: [asked({ kind: "refund", outcome: "none" })],
      upstreams: [executed({ kind: "refund" })],
      journal: [recorded({ kind: "refund" })]
    }],
    ["reversed by its terminal, and undone by the void that was under way", {
      terminals: [
        asked({ reversal: "acknowledged" }),
        asked({ stan: "000008", kind: "void", original: "000007" })
      ],
      upstreams: [executed(), executed({ reference: "000901", kind: "void" })],
      journal: [recorded(), voided]
    }],
    ["approved, and reversed because its terminal said so", {
      terminals: [asked({ reversal: "acknowledged" })],
      upstreams: [executed({ reversed: true })],
      journal: [recorded({ state: "reversed" })]
    }]
  ]
  for (const [name, books] of permitted) it(name, () => expect(judged(books)).toEqual([]))
})

describe("the table forbids", () => {
  const forbidden: ReadonlyArray<readonly [string, string, Partial<Books>]> = [
    ["a right PIN that its issuer found wrong", "differs", {
      terminals: [asked({ outcome: "declined", pin: "right" })],
      upstreams: [executed({ decision: "declined", pin: "wrong" })],
      journal: [recorded({ approved: false })]
    }],
    ["a wrong PIN that never came to its issuer", "differs", {
      terminals: [asked({ pin: "wrong" })],
      upstreams: [executed({ pin: "none" })],
      journal: [recorded()]
    }],
    ["a right PIN of which the terminal hears that it is wrong", "differs", {
      terminals: [asked({ outcome: "declined", pin: "right", response: "55" })],
      upstreams: [executed({ decision: "declined", pin: "right" })],
      journal: [recorded({ approved: false })]
    }],
    ["a refund that is executed as a sale", "differs", {
      terminals: [asked({ kind: "refund" })],
      upstreams: [executed()],
      journal: [recorded({ kind: "refund" })]
    }],
    ["a refund that is booked as a sale", "differs", {
      terminals: [asked({ kind: "refund" })],
      upstreams: [executed({ kind: "refund" })],
      journal: [recorded()]
    }],
    ["a refund that was refused, and stands upstream", "unreversed", {
      terminals: [asked({ kind: "refund", outcome: "refused" })],
      upstreams: [executed({ kind: "refund" })],
      journal: [recorded({ kind: "refund" })]
    }],
    ["a refund that stands upstream, and of which no book tells", "unreversed", {
      terminals: [asked({ kind: "refund", outcome: "none" })],
      upstreams: [executed({ kind: "refund" })],
      journal: [recorded({ kind: "refund", approved: false })]
    }],
    ["a transaction that is under way for ever", "unfinished", {
      journal: [recorded({ ...refusal, state: "forwarded" })],
      ledger: [],
      settled: true
    }],
    ["money for another merchant", "differs", {
      terminals: [asked()],
      upstreams: [executed({ merchant: "M2" })],
      journal: [recorded()]
    }],
    ["another amount upstream, though it was reversed", "differs", {
      terminals: [asked({ outcome: "refused" })],
      upstreams: [executed({ amount: 10_000, reversed: true })],
      journal: [recorded({ approved: false, state: "reversed" })]
    }],
    ["another card upstream", "differs", {
      terminals: [asked({ card: "1111" })],
      upstreams: [executed({ card: "4444" })],
      journal: [recorded()]
    }],
    ["a follow-on whose upstream is told of another original", "differs", {
      terminals: [
        asked({ stan: "000001" }),
        asked({ kind: "refund", original: "000001" })
      ],
      upstreams: [
        executed({ reference: "000901" }),
        executed({ kind: "refund", original: "000001" })
      ],
      journal: [
        recorded({
          id: "id-2" as TransactionId,
          stan: "000001" as Stan,
          upstreamStan: "000901" as Stan
        }),
        recorded({ kind: "refund", original: "id-2" as TransactionId })
      ]
    }],
    ["another currency upstream", "differs", {
      terminals: [asked()],
      upstreams: [executed({ currency: "840" })],
      journal: [recorded()]
    }],
    ["declined, and booked as approved", "differs", {
      terminals: [asked({ outcome: "declined" })],
      upstreams: [executed({ decision: "declined" })],
      journal: [recorded()]
    }],
    ["a follow-on that is booked on another original", "differs", {
      terminals: [
        asked({ stan: "000001" }),
        asked({ stan: "000002" }),
        asked({ stan: "000003", kind: "refund", original: "000002" })
      ],
      upstreams: [
        executed({ reference: "000901" }),
        executed({ reference: "000902" }),
        executed({ reference: "000903", kind: "refund" })
      ],
      journal: [
        recorded({ stan: "000001" as Stan, upstreamStan: "000901" as Stan }),
        recorded({
          id: "id-2" as TransactionId,
          stan: "000002" as Stan,
          upstreamStan: "000902" as Stan
        }),
        recorded({
          id: "id-3" as TransactionId,
          stan: "000003" as Stan,
          upstreamStan: "000903" as Stan,
          kind: "refund",
          original: "id-1" as TransactionId
        })
      ]
    }],
    ["approved, and no upstream has it", "lost", {
      terminals: [asked()],
      journal: [recorded()]
    }],
    ["approved, and reversed behind the terminal's back", "wrongly-reversed", {
      terminals: [asked()],
      upstreams: [executed({ reversed: true })],
      journal: [recorded({ state: "reversed" })]
    }],
    ["refused, and money stands upstream", "unreversed", {
      terminals: [asked({ outcome: "refused" })],
      upstreams: [executed()],
      journal: [recorded(refusal)]
    }],
    ["declined, and money stands upstream", "unreversed", {
      terminals: [asked({ outcome: "declined" })],
      upstreams: [executed()],
      journal: [recorded()]
    }],
    ["the terminal's reversal acknowledged and not done", "unreversed", {
      terminals: [asked({ outcome: "none", reversal: "acknowledged" })],
      upstreams: [executed()],
      journal: [recorded({ state: "delivery-unconfirmed" })]
    }],
    ["reversed, and undone by its void as well", "doubled", {
      terminals: [
        asked({ reversal: "acknowledged" }),
        asked({ stan: "000008", kind: "void", original: "000007" })
      ],
      upstreams: [
        executed({ reversed: true }),
        executed({ reference: "000901", kind: "void" })
      ],
      journal: [recorded({ state: "reversed" }), voided]
    }],
    ["executed twice", "doubled", {
      terminals: [asked()],
      upstreams: [executed({ times: 2 })],
      journal: [recorded()]
    }],
    ["executed for nobody", "unasked", { upstreams: [executed()] }],
    ["approved, and the switch knows nothing", "differs", {
      terminals: [asked({ kind: "balance" })]
    }],
    ["approved, and PostgreSQL has no row", "differs", {
      terminals: [asked()],
      upstreams: [executed()],
      journal: [recorded()],
      ledger: []
    }],
    ["a close that is out of balance though both sides agree", "differs", {
      terminals: [asked(), asked({ stan: "000008", outcome: "refused" })],
      upstreams: [executed()],
      journal: [recorded()],
      closes: { told: [unbalanced], rows: [unbalanced] }
    }],
    ["a close that nobody booked", "lost", { closes: { told: [closed, closed], rows: [closed] } }],
    ["a close that is booked as the terminal did not hear", "lost", {
      closes: { told: [closed], rows: [{ ...closed, balanced: false }] }
    }],
    ["another state in PostgreSQL", "differs", {
      terminals: [asked()],
      upstreams: [executed()],
      journal: [recorded()],
      ledger: [recorded({ state: "refused" })]
    }]
  ]
  for (const [name, kind, books] of forbidden) {
    it(name, () => expect(judged(books)).toContain(kind))
  }

  it("and tells the whole story, without a card number", () => {
    const { violations } = audit({
      terminals: [asked({ outcome: "refused", response: "68" })],
      upstreams: [executed()],
      journal: [recorded(refusal)],
      chains: new Set(),
      exceptions: new Set()
    })
    expect(violations[0]?.story).toEqual([
      "terminal T0000001 batch 000001 stan 000007: sale 100 → refused (68), own reversal none",
      "switch id-1 v3: sale 100 is timed-out, upstream acquirer-a stan 000900",
      "upstream acquirer-a 000900: sale 100 for T0000001 approved ×1"
    ])
  })
})

describe("books on disk", () => {
  it("read back as they were kept", () => {
    const lines: Array<BookLine> = []
    const sink = (line: BookLine) => void lines.push(line)
    const terminals = new TerminalBook(sink)
    const upstreams = new UpstreamBook(sink)
    const entry = terminals.ask(asked({ outcome: "open" }))
    terminals.hear(entry, "none")
    terminals.reverse(entry, "sent")
    terminals.reverse(entry, "acknowledged")
    terminals.close(closed)
    upstreams.execute(executed())
    upstreams.execute(executed())
    upstreams.reverse("acquirer-a", "000900", false)
    upstreams.reverse("acquirer-a", "000900", true)
    upstreams.reverse("acquirer-a", "000999", false)
    const read = readBooks(lines.map((line) => JSON.stringify(line)))
    expect([...read.terminals.entries]).toEqual([...terminals.entries])
    expect(read.terminals.closes).toEqual([closed])
    expect([...read.upstreams.entries]).toEqual([...upstreams.entries])
    expect(read.upstreams.early).toEqual(upstreams.early)
    expect(read.upstreams.entries.get("acquirer-a|000900")).toMatchObject({
      times: 2,
      reversed: true,
      reversals: 2,
      repeats: 1
    })
  })

  it("name the line that is torn", () => {
    expect(() => readBooks([`{"event":"again","upstream":"a","reference":"1"}`, `{"ev`])).toThrow(
      "line 2"
    )
  })
})
