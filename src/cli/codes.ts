/** `pointsman codes`: what a scanned code says, making a shop's code, checking many at once. */

import { existsSync, statSync } from "node:fs"
import { maxFileBytes } from "../config/limits.ts"
import { merchantIdOf, terminalIdOf } from "../domain/brand.ts"
import { maskedJson } from "../domain/masked-json.ts"
import type { CodeFault } from "../qr/code-fault.ts"
import { codeRows, factsOf, summaryOf } from "../qr/code-summary.ts"
import { buildMerchantCode } from "../qr/merchant-code.ts"
import { ruleOf } from "../qr/merchant-rules.ts"
import { recogniseCode } from "../qr/pay-code.ts"
import { publicUrl } from "../qr/pay-link.ts"
import { faultsOf, readScanned, type ScannedCode } from "../qr/scanned-code.ts"
import { checkedRoutes } from "./checked-routes.ts"
import { givenValues, objectsOf, setFlag, valueFlags } from "./code-values.ts"
import { configPath, loadedConfig } from "./configuration.ts"
import { readGiven } from "./given-file.ts"
import { writeRows } from "./table.ts"
import { type Call, configFlag, type ExitCode, Refusal, type Verb } from "./verb.ts"

export const verb: Verb = {
  about: "Codes that shops print and show, and codes that customers show.",
  actions: {
    read: {
      about: "Says what a scanned text is: an EMVCo code of a shop or of a customer, a wallet's " +
        "pay code, a link to pay by, or none of them. Explains every object of it and names " +
        "everything that is wrong, with its place; then the exit code is 1. Card numbers and " +
        "pay codes are masked. Whether a payment would be taken, no code tells.",
      parameters: [{
        name: "code",
        about: "the text, a file, or - for standard input",
        presence: "optional"
      }],
      flags: {
        config: {
          ...configFlag,
          about: "also say where this configuration sends a pay code, and whose a link is"
        }
      },
      examples: [
        ["codes read 134919586213926735 --config pointsman.yaml", "which wallet, which upstream?"],
        ["codes read - < scanned.txt", "without a shell in between, which may change it"]
      ],
      run: read
    },
    make: {
      about: "Makes a shop's EMVCo code and its checksum from values by name or by path; refuses " +
        "by name what does not fit. Objects are written in the order of their ids. What is " +
        "written is exactly what the caller gives.",
      parameters: [],
      flags: {
        ...valueFlags,
        set: setFlag,
        values: {
          type: "text",
          value: "<file>",
          about: "JSON or YAML with the same names and paths; flags win"
        }
      },
      examples: [
        [
          "codes make --name 'BEST TRANSPORT' --city BEIJING --country CN --category 4111 " +
          "--currency CNY --set 29.00=com.example,29.01=12345",
          "for a counter, any amount"
        ],
        ["codes make --values counter.yaml --amount 23.72 --initiation dynamic", "one payment"]
      ],
      run: make
    },
    check: {
      about: "Reads many codes, one a line, and says which are wrong and why. Lines that are " +
        "empty or begin with # are skipped. Exit code 1: one is wrong, or there is none.",
      parameters: [{ name: "file", about: "a file, or - for standard input", presence: "one" }],
      flags: {},
      examples: [["codes check printed-codes.txt", "before an estate's codes go to the printer"]],
      run: check
    }
  }
}

async function given(call: Call, word: string | undefined): Promise<string> {
  if (word === undefined || word === "-") return (await call.streams.input()).toString()
  if (!existsSync(word)) return word
  if (statSync(word).size > maxFileBytes) throw new Refusal(2, `${word}: above 64 MiB: split it`)
  return readGiven(word).toString()
}

async function read(call: Call): Promise<ExitCode> {
  const text = (await given(call, call.parameters[0])).replace(/^\uFEFF|\r?\n$/g, "")
  if (text === "") throw new Refusal(2, "nothing to read: give a code, a file, or -")
  if (/[\r\n]/.test(text)) throw new Refusal(2, "more than one line: see codes check")
  const scanned = readScanned(text)
  const faults = faultsOf(scanned)
  const place = await placeOf(call, scanned, text)
  if (call.format === "json") {
    const document = {
      kind: scanned.kind,
      summary: summaryOf(scanned),
      ...factsOf(scanned),
      configuration: place,
      objects: codeRows(scanned),
      faults: faults.map(({ expected, offset, path }) => ({ path, offset, expected }))
    }
    call.streams.raw(`${maskedJson(document, 2)}\n`)
  } else writeText(call, scanned, place)
  for (const fault of faults) call.streams.say(faultWords(scanned, fault))
  return faults.length === 0 ? 0 : 1
}

/** What the configuration makes of a code, where one was named. */
interface Place {
  /** Upstreams that would be asked, best first, each with the scheme that its account speaks. */
  readonly upstreams?: ReadonlyArray<string>
  readonly route?: string
  /** Whose the link is. */
  readonly page?: string
}

async function placeOf(
  call: Call,
  scanned: ScannedCode,
  text: string
): Promise<Place | undefined> {
  if (call.text("config") === undefined) return undefined
  const { config } = await loadedConfig(call)
  if (scanned.kind === "link" && scanned.link.of === "switch") {
    const ours = publicUrl(config.public)
    const [page] = scanned.link.parts
    return { page: page?.value === ours ? "of this switch" : `not of this switch, ${ours}` }
  }
  const payCode = recogniseCode(text, true)
  if (payCode === undefined) return undefined
  const { decision } = checkedRoutes(configPath(call), config).explain({
    kind: "sale",
    channel: "qr-customer",
    scheme: payCode.scheme,
    digits: text,
    terminal: terminalIdOf(""),
    merchant: merchantIdOf(""),
    group: "default",
    minuteOfDay: 12 * 60
  })
  const schemes = new Map(config.public.accounts.map(({ name, scheme }) => [name, scheme]))
  const spoken = new Map(
    config.upstreams.map(({ account = "", name }) => [name, schemes.get(account)] as const)
  )
  return {
    upstreams: decision.candidates.map((name) => `${name} (${spoken.get(name) ?? "no wallet"})`),
    ...(decision.route === undefined ? {} : { route: decision.route })
  }
}

function placeWords({ page, route, upstreams = [] }: Place): string {
  if (page !== undefined) return page
  return route === undefined
    ? "no route takes it: see route explain"
    : `route ${route} leads to ${upstreams.join(", then ")}`
}

function writeText({ streams }: Call, scanned: ScannedCode, place: Place | undefined): void {
  const lines = [summaryOf(scanned).join(" · ")]
  const rows = codeRows(scanned)
  if (rows.length > 0) {
    const paths = Math.max(6, ...rows.map(({ depth, path }) => path.length + depth * 2))
    const names = Math.max(4, ...rows.map(({ depth, name }) => name.length + depth * 2))
    const line = (at: string, size: string, path: string, name: string, value: string) =>
      [at.padStart(4), size.padStart(4), path.padEnd(paths), name.padEnd(names), value]
        .join("  ")
        .trimEnd()
    lines.push(line("at", "size", "object", "name", "value"))
    for (const { depth, length, name, note, offset, path, value } of rows) {
      const indent = "  ".repeat(depth)
      const told = note === "" ? value : `${value}  (${note})`.trimStart()
      lines.push(line(String(offset), String(length), indent + path, indent + name, told))
    }
  }
  if (place !== undefined) lines.push(placeWords(place))
  streams.out(`${lines.join("\n")}\n`)
}

function faultWords({ kind }: ScannedCode, { expected, offset, path }: CodeFault): string {
  const unit = kind === "consumer" ? "byte" : "character"
  return `${path === "" ? "the code" : path} at ${unit} ${offset}: expected ${expected}`
}

async function make(call: Call): Promise<ExitCode> {
  const made = buildMerchantCode(objectsOf(givenValues(call)))
  if (typeof made !== "string") {
    const lines = made.map(({ expected, path }) => {
      const { key, name } = ruleOf(path)
      return `${key === undefined ? name : `--${key}`} (${path}): expected ${expected}`
    })
    throw new Refusal(1, lines.join("\n"))
  }
  // As it is: a mask in it would be another code.
  if (call.format === "json") {
    call.streams.raw(`${JSON.stringify({ characters: Array.from(made).length, code: made })}\n`)
  } else call.streams.raw(`${made}\n`)
  return 0
}

interface CheckedLine {
  readonly line: number
  readonly kind: ScannedCode["kind"]
  readonly what: string
  readonly faults: ReadonlyArray<string>
}

async function check(call: Call): Promise<ExitCode> {
  const [file] = call.parameters
  if (file !== "-" && !existsSync(file!)) throw new Refusal(3, `${file}: cannot be read`)
  const text = (await given(call, file)).replace(/^\uFEFF/, "")
  const checked: Array<CheckedLine> = []
  text.split(/\r?\n/).forEach((code, index) => {
    if (code === "" || code.startsWith("#")) return
    const scanned = readScanned(code)
    const faults = faultsOf(scanned).map((fault) => faultWords(scanned, fault))
    const what = summaryOf(scanned).join(" · ")
    checked.push({ line: index + 1, kind: scanned.kind, what, faults })
  })
  if (checked.length === 0) throw new Refusal(1, `${file}: holds no code`)
  const wrong = checked.filter(({ faults }) => faults.length > 0)
  const kinds: Record<string, number> = {}
  for (const { kind } of checked) kinds[kind] = (kinds[kind] ?? 0) + 1
  const summary = { codes: checked.length, wrong: wrong.length, kinds }
  if (call.format === "json") call.streams.raw(`${maskedJson({ ...summary, lines: checked }, 2)}\n`)
  else if (wrong.length > 0) {
    const rows = wrong.flatMap(({ faults, line, what }) =>
      faults.map((fault, index) => index === 0 ? { line, what, fault } : { line, fault })
    )
    writeRows(call, rows, [["line", "line"], ["what", "what"], ["fault", "fault"]])
  }
  const counts = Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`).join(", ")
  call.streams.say(`${checked.length} codes (${counts}), ${wrong.length} wrong`)
  return wrong.length === 0 ? 0 : 1
}
