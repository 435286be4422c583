/** `pointsman reconcile`: an upstream's own file of money that moved, against PostgreSQL. */

import { maskedJson } from "../domain/masked-json.ts"
import { maskText } from "../domain/pan.ts"
import { reconcile, type UpstreamLine } from "../ledger/reconcile.ts"
import { readGiven } from "./given-file.ts"
import { askLedger, dayParameter, daysOf, upstreamFlag } from "./ledger-questions.ts"
import { writeRows } from "./table.ts"
import { configFlag, Refusal, type Verb } from "./verb.ts"

/** `reference,amount,currency` a line, amounts in minor units; the first line may name them. */
function linesOf(file: string): Array<UpstreamLine> {
  const text = readGiven(file).toString()
  const lines: Array<UpstreamLine> = []
  text.split(/\r?\n/).forEach((content, index) => {
    if (content.trim() === "" || content.startsWith("#")) return
    const [reference = "", amount = "", currency = ""] = content.split(",").map((cell) =>
      cell.trim()
    )
    if (index === 0 && reference === "reference") return
    if (reference === "" || !/^\d{1,15}$/.test(amount) || !/^\d{3}$/.test(currency)) {
      const shown = maskText(content.slice(0, 60))
      throw new Refusal(1, `${file}:${index + 1}: ${shown}: expected reference,amount,currency`)
    }
    lines.push({ reference, amount: Number(amount), currency })
  })
  return lines
}

export const verb: Verb = {
  about:
    "Compares an upstream's file (CSV: reference, amount in minor units, currency) with what " +
    "PostgreSQL holds as approved and standing. Exit code 1: something differs.",
  parameters: [
    { name: "file", about: "CSV of the upstream", presence: "one" },
    dayParameter("from", "first business day"),
    { name: "to", about: "last business day; absent: the first", presence: "optional" }
  ],
  flags: { config: configFlag, upstream: upstreamFlag },
  examples: [["reconcile day.csv 2026-01-31 --upstream acquirer", "do the books agree?"]],
  run: async (call) => {
    const [file, ...days] = call.parameters
    const upstream = call.text("upstream")
    if (upstream === undefined) throw new Refusal(2, "--upstream: say whose file it is")
    const query = { upstream, ...daysOf(days) }
    const found = await askLedger(call, reconcile(query, linesOf(file!)))
    const { differing, matched, onlyHere, onlyThere } = found
    const wrong = onlyThere.length + onlyHere.length + differing.length
    if (call.format === "json") call.streams.raw(`${maskedJson(found, 2)}\n`)
    else if (wrong > 0) {
      const rows = [
        ...onlyThere.map((line) => Object.assign({ what: "only there" }, line)),
        ...onlyHere.map((line) => Object.assign({ what: "only here" }, line)),
        ...differing.map(({ ours, theirs }) =>
          Object.assign({ what: "differs", there: theirs.amount }, ours)
        )
      ]
      writeRows(call, rows, [
        ["what", "what"],
        ["reference", "reference"],
        ["amount", "amount"],
        ["there", "there"],
        ["currency", "currency"],
        ["transaction", "id"]
      ])
    }
    call.streams.say(`${matched} agree, ${wrong} do not`)
    return wrong === 0 ? 0 : 1
  }
}
