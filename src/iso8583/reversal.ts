/**
 * How a dialect reverses, and how it names the original of what follows on: data, not code.
 *
 *     reversal:
 *       mti: "0420"
 *       repeatMti: "0421"
 *       accepts: ["00", "25"]
 *       values: { "4": amount, "90.1": mti, "90.5": "=00000000000" }
 *       values: { "61.3": { from: transmissionTime, cut: [0, 4] } }
 *
 * A value names a fact of the original, `reason`, or a text after `=`. Facts that are not known are
 * left out. With `form: true` the values that make the original's kind come first.
 */

import type { Kind } from "../domain/kind.ts"
import type { CompiledDialect } from "./dialect.ts"
import type { Layout } from "./layout.ts"
import type { Dialect, MessageForm, OriginalFacts, Values } from "./message.ts"
import { own, type Source, type SourceReader } from "./source-reader.ts"

const factNames = [
  "mti",
  "stan",
  "processingCode",
  "amount",
  "currency",
  "exponent",
  "pan",
  "expiry",
  "cardSequence",
  "entryMode",
  "condition",
  "batch",
  "transmissionTime",
  "localTime",
  "rrn",
  "authCode",
  "acquirer",
  "terminal",
  "merchant"
] as const satisfies ReadonlyArray<keyof OriginalFacts>

/** What the switch gives to every reversal, whatever the dialect's file says. */
const stamped = ["stan", "rrn", "transmissionTime", "localTime", "localDate", "acquirer"] as const

/**
 * Fields that the dialect's reversals must carry and that neither its file nor the switch gives:
 * no upstream would take such a reversal.
 */
export function unsaidInReversals(spoken: Dialect): ReadonlyArray<string> {
  const dialect = spoken as CompiledDialect
  const { compose, mti, repeatMti = mti } = dialect.reversal
  const facts = { ...Object.fromEntries(factNames.map((name) => [name, "0"])), kind: "sale" }
  const given = new Set([
    ...Object.keys(compose(facts as unknown as OriginalFacts, "98")),
    ...stamped.map((role) => dialect.pathOf(role) ?? ""),
    ...(dialect.mac?.fields ?? []).map(String)
  ].map((path) => Number.parseInt(path, 10)))
  return [...new Set([mti, repeatMti])].flatMap((type) =>
    (dialect.mandatory.get(type) ?? [])
      .filter((field) => !given.has(field))
      .map((field) => `${type} must carry field ${field}`)
  )
}

type Teller = (original: OriginalFacts, reason: string) => string | undefined

const reversalKeys: ReadonlySet<string> = new Set(["mti", "repeatMti", "accepts", "values", "form"])

export function reversalFrom(
  reader: SourceReader,
  source: Source,
  layout: Layout,
  form: (kind: Kind) => MessageForm | undefined
): Dialect["reversal"] {
  const rule = reader.record(own(source, "reversal"), "reversal")
  reader.known(rule, reversalKeys, "reversal")
  const mti = reader.text(rule, "mti", "reversal")
  if (mti === undefined) reader.fault("reversal.mti", "is missing")
  const repeatMti = reader.text(rule, "repeatMti", "reversal")
  const withForm = reader.flag(rule, "form", "reversal")
  const tell = talesFrom(reader, own(rule, "values"), "reversal.values", layout)
  return {
    mti: mti ?? "0420",
    ...(repeatMti === undefined ? {} : { repeatMti }),
    accepts: new Set(reader.texts(own(rule, "accepts") ?? "00", "reversal.accepts")),
    compose: (original, reason) => ({
      ...(withForm ? form(original.kind)?.values : {}),
      ...tell(original, reason)
    })
  }
}

/** `refer: { "38": authCode }`: how a follow-on names its original. */
export function referFrom(
  reader: SourceReader,
  source: Source,
  layout: Layout
): Dialect["refer"] {
  const tell = talesFrom(reader, own(source, "refer"), "refer", layout)
  return (original) => tell(original, "")
}

function talesFrom(
  reader: SourceReader,
  value: unknown,
  path: string,
  layout: Layout
): (original: OriginalFacts, reason: string) => Values {
  const tellers = reader.entries(value, path).map(([target, rule]) => {
    const at = `${path}.${target}`
    if (layout.access(target) === undefined) reader.fault(at, "is no field of the dialect")
    return [target, tellerFrom(reader, rule, at)] as const
  })
  return (original, reason) => {
    const values: Record<string, string> = {}
    for (const [target, tell] of tellers) {
      const text = tell(original, reason)
      if (text !== undefined) values[target] = text
    }
    return values
  }
}

const cutKeys: ReadonlySet<string> = new Set(["from", "cut"])

function tellerFrom(reader: SourceReader, value: unknown, path: string): Teller {
  if (typeof value === "string") return namedTeller(reader, value, path)
  const rule = reader.record(value, path)
  reader.known(rule, cutKeys, path)
  const whole = namedTeller(reader, reader.text(rule, "from", path) ?? "", path)
  const [from, to] = reader.cut(rule, path) ?? []
  return (original, reason) => whole(original, reason)?.slice(from, to)
}

function namedTeller(reader: SourceReader, name: string, path: string): Teller {
  if (name.startsWith("=")) return () => name.slice(1)
  if (name === "reason") return (_original, reason) => reason
  const fact = factNames.find((each) => each === name)
  if (fact === undefined) {
    reader.fault(path, `must be reason, a text after =, or one of ${factNames.join(", ")}`)
    return () => undefined
  }
  return (original) => original[fact]
}
