/**
 * `npm run docs`: writes `docs/reference` from what the code declares: configuration keys, limits,
 * failures, metrics, the admin API and the command line; dashboard and alerts into `docs/operate`;
 * and into the README what the kept runs measured (see `measured.ts`). `test/contract` says when it
 * is stale.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { routes } from "../src/admin/routes.ts"
import { actionHelp, programHelp } from "../src/cli/help.ts"
import { verbs } from "../src/cli/verbs.ts"
import { type Field, type Shape } from "../src/config/shape.ts"
import { switchShape } from "../src/config/switch-shape.ts"
import { failures } from "../src/domain/failures.ts"
import { schemaTables, schemaVersion } from "../src/ledger/schema.ts"
import { metricDefinitions, metricPrefix } from "../src/observe/metrics.ts"
import {
  deviceNotices,
  deviceRequests,
  deviceVersion,
  type FieldRule,
  nonceBytes,
  proofBytes
} from "../src/qr/device-schema.ts"
import { editorSchema } from "./editor-schema.ts"
import { withMeasured } from "./measured.ts"
import { alertRules } from "./monitoring/alerts.ts"
import { dashboard } from "./monitoring/dashboard.ts"

const root = dirname(import.meta.dirname)

/** Every generated document, by its path from the root. */
export async function documents(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ["docs/reference/configuration.md", configuration()],
    ["docs/reference/pointsman.schema.json", editorSchema(switchShape)],
    ["docs/reference/failures.md", failureTable()],
    ["docs/reference/metrics.md", metricTable()],
    ["docs/operate/grafana.json", dashboard()],
    ["docs/operate/alerts.yml", alertRules()],
    ["docs/reference/schema.md", schemaPage()],
    ["docs/reference/devices.md", devicePage()],
    ["docs/reference/admin-api.md", adminTable()],
    ["docs/reference/command-line.md", await commandLine()],
    ["README.md", withMeasured(readFileSync(join(root, "README.md"), "utf8"), root)]
  ])
}

const made = "<!-- Made by `npm run docs`; changes here are overwritten. -->"

function page(title: string, intro: string, rows: ReadonlyArray<string>): string {
  return [`# ${title}`, "", made, "", intro, "", ...rows, ""].join("\n")
}

function row(...cells: ReadonlyArray<string>): string {
  return `| ${
    cells.map((each) => each.replaceAll("|", "\\|").replaceAll("<", "&lt;")).join(" | ")
  } |`
}

function devicePage(): string {
  const intro = `Version ${deviceVersion} of what QR devices and the switch say on a listener of ` +
    "kind `devices`. A frame is two bytes of length, big-endian, and one MessagePack map with text " +
    "keys; `type` names the message. Keys that a message does not know are ignored. On connect " +
    `the switch sends a challenge of ${nonceBytes} bytes. A proof is the first ${proofBytes} bytes ` +
    "of an HMAC-SHA-256 under the device's key over `pointsman-device-1`, the challenge, the " +
    "device's nonce and the terminal id filled to 8 characters; the switch's own proof has " +
    "`pointsman-switch-1`, the device's nonce, the challenge and the terminal id. Pushes come in " +
    "the order of `sequence` and again until an `ack` of that number or a higher one. A `sale` " +
    "without an answer is repeated with the same numbers and `repeat`. `src/simulate/device.ts` " +
    "is a client to begin from."
  const tables = (title: string, messages: Readonly<Record<string, object>>) => [
    `## ${title}`,
    "",
    row("message", "key", "value", "must be there"),
    row("---", "---", "---", "---"),
    ...Object.entries(messages).flatMap(([type, fields]) => {
      const rules = Object.entries(fields as Readonly<Record<string, FieldRule>>)
      if (rules.length === 0) return [row(`\`${type}\``, "", "", "")]
      return rules.map(([key, rule]) =>
        row(`\`${type}\``, `\`${key}\``, ruleWords(rule), rule.optional === true ? "no" : "yes")
      )
    }),
    ""
  ]
  return page("What devices say", intro, [
    ...tables("From the device", deviceRequests),
    ...tables("From the switch", deviceNotices)
  ])
}

function ruleWords(rule: FieldRule): string {
  switch (rule.is) {
    case "text":
      return `text of 1 to ${rule.most} characters`
    case "digits":
      return `text of ${rule.length} digits`
    case "integer":
      return `integer from ${rule.least} to ${rule.most}`
    case "bytes":
      return `${rule.length} bytes`
    case "flag":
      return "true or false"
    case "one-of":
      return rule.values.map((value) => `\`${value}\``).join(", ")
  }
}

function configuration(): string {
  const lines = [
    row("key", "what it may be", "default", "reload", "what it is for"),
    row("---", "---", "---", "---", "---")
  ]
  const walk = (shape: Shape<unknown>, path: string): void => {
    for (const [name, field] of Object.entries(shape.fields ?? {})) {
      const at = path === "" ? name : `${path}.${name}`
      lines.push(row(`\`${at}\``, field.shape.words, fallback(field), field.change, field.about))
      const element = field.shape.element
      walk(field.shape, at)
      if (element !== undefined) walk(element, `${at}[]`)
    }
  }
  walk(switchShape, "")
  const intro = "Keys of the configuration file. `[]` stands for each item of a list. A reload " +
    "applies changes of `live` keys; it refuses the others by name."
  return page("Configuration keys", intro, lines)
}

function fallback(field: Field<unknown>): string {
  if (field.presence === "optional") return "absent"
  if (field.presence === "required") return field.shape.absent === undefined ? "required" : ""
  return `\`${JSON.stringify(field.fallback)}\``
}

function failureTable(): string {
  const rows = Object.values(failures).map(({ action, code, meaning, response, seen }) =>
    row(`\`${code}\``, meaning, response === "" ? "no answer" : response, seen, action)
  )
  const intro = "Every way in which a message, a session or a send can fail: the name in logs, " +
    "metrics, journal and PostgreSQL; the response code told to the terminal (in the words of " +
    "1987 and China UnionPay); whether the upstream may have seen the request; what to do."
  return page("Failures", intro, [
    row("code", "meaning", "response", "upstream saw it", "what an operator does"),
    row("---", "---", "---", "---", "---"),
    ...rows
  ])
}

function schemaPage(): string {
  const rows: Array<string> = []
  for (const { columns, comment, constraints, name, storage = "" } of schemaTables) {
    const rules = [...constraints, storage].filter((each) => each !== "")
    rows.push(`## ${name}`, "", comment)
    for (const rule of rules) rows.push(`\`${rule}\``)
    rows.push("", row("column", "type", "what it is"), row("---", "---", "---"))
    for (const [column, type, about] of columns) {
      rows.push(row(`\`${column}\``, `\`${type}\``, about))
    }
    rows.push("")
  }
  const intro = `The schema of PostgreSQL, version ${schemaVersion}: a public interface for ` +
    "analysts. The same texts are comments in the database. `docs/operate/ledger.md` has the " +
    "queries that it is made for."
  return page("Schema of the ledger", intro, rows)
}

function metricTable(): string {
  const rows = Object.entries(metricDefinitions).map(([name, { help, labels, type }]) =>
    row(`\`${metricPrefix}${name}\``, type, labels.map((each) => `\`${each}\``).join(" "), help)
  )
  return page("Metrics", "What `/metrics` of the admin listener shows.", [
    row("name", "type", "labels", "meaning"),
    row("---", "---", "---", "---"),
    ...rows
  ])
}

function adminTable(): string {
  const rows = routes.map(({ about, method, path }) => row(method, `\`${path}\``, about))
  const intro = "HTTP on the admin listener. Answers are JSON but for `/metrics` and the probes; " +
    "POST takes a JSON object as `application/json`. Errors are `{\"error\": …}`."
  return page("Admin API", intro, [
    row("method", "path", "what"),
    row("---", "---", "---"),
    ...rows
  ])
}

async function commandLine(): Promise<string> {
  const blocks = ["```text", programHelp().trimEnd(), "```"]
  for (const [name, { load }] of Object.entries(verbs)) {
    const { verb } = await load()
    const actions = "actions" in verb
      ? Object.entries(verb.actions).map(([each, action]) => [`${name} ${each}`, action] as const)
      : [[name, verb] as const]
    blocks.push("", `## ${name}`)
    if ("actions" in verb) blocks.push("", verb.about)
    for (const [words, action] of actions) {
      blocks.push("", "```text", actionHelp(words, action).trimEnd(), "```")
    }
  }
  return page("Command line", "As `--help` says it.", blocks)
}

if (import.meta.main) {
  for (const [path, text] of await documents()) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
    process.stderr.write(`${path}\n`)
  }
}
