/**
 * `pointsman keys`: the key store, under dual control. No clear key is ever shown; a component that
 * an officer types is neither echoed nor kept.
 */

import { type AesCheckForm, aesCheckValue } from "../security/key-check.ts"
import {
  checkKey,
  componentCheckValue,
  exportBlock,
  generateKey,
  importBlock,
  importComponents,
  type KeyAudit,
  type KeyChange,
  type KeyCommandResult,
  listKeys,
  moveStore,
  rotateKey
} from "../security/key-commands.ts"
import { type KeyKindName, keyKinds } from "../security/key-kind.ts"
import { isFault } from "../security/security-fault.ts"
import { readGiven } from "./given-file.ts"
import {
  audited,
  auditRefusal,
  masterKeyAt,
  type OpenedStore,
  openedStore,
  writeStore
} from "./key-store.ts"
import { adminFlag, askSwitch, limitFlag, rowsOf } from "./running-switch.ts"
import { writeRecord, writeRows } from "./table.ts"
import { type Call, configFlag, type Flag, type Parameter, Refusal, type Verb } from "./verb.ts"

const key: Parameter = { name: "name", about: "name of the key in the store", presence: "one" }
const officersFlag: Flag = {
  type: "text",
  value: "<a,b>",
  about: "the two or more officers who are present"
}
const kindFlag: Flag = {
  type: "text",
  value: "<kind>",
  about: "what the key is for",
  choices: Object.keys(keyKinds)
}

/** Ten years. */
const maxGraceHours = 87_600

/** Each officer who is named agrees in person; who does not is in the audit log too. */
async function officersOf(
  call: Call,
  opened: OpenedStore,
  action: KeyAudit["action"],
  what: string
): Promise<ReadonlyArray<string>> {
  const officers = (call.text("officers") ?? "").split(",").map((each) => each.trim())
    .filter((each) => each !== "")
  const refuse = (exit: 1 | 2, message: string) => {
    const [name = ""] = call.parameters
    auditRefusal(opened, { action, key: name, officers, outcome: "dual-control" })
    return new Refusal(exit, message)
  }
  if (new Set(officers).size < 2) {
    throw refuse(2, "--officers: name the two officers who are present, as --officers a,b")
  }
  for (const officer of officers) {
    const word = await call.streams.ask(`${officer}, type your name to agree to ${what}: `, false)
    if (word !== officer) throw refuse(1, `${officer} did not agree; nothing was changed`)
  }
  return officers
}

function kindOf(call: Call): KeyKindName {
  const kind = call.text("kind")
  if (kind === undefined) throw new Refusal(2, "--kind: say what the key is for; see --help")
  return kind as KeyKindName
}

/** The audit log has the change before it is made, and one more line when it could not be. */
async function writeChange(
  call: Call,
  opened: OpenedStore,
  made: KeyCommandResult<KeyChange>
): Promise<0> {
  const change = audited(opened, made)
  try {
    await writeStore(opened, change.store)
  } catch (refusal) {
    auditRefusal(opened, { ...made.audit, outcome: "store-unwritten" })
    throw refusal
  }
  const { checkValue, name, version } = change.key
  writeRecord(call, { name, version, checkValue })
  return 0
}

async function generated(call: Call): Promise<0> {
  const [name] = call.parameters
  const kind = kindOf(call)
  const opened = await openedStore(call)
  const context = opened.context(await officersOf(call, opened, "generate", `make ${name}`))
  return writeChange(call, opened, generateKey(opened.store, name!, kind, context))
}

async function imported(call: Call): Promise<0> {
  const [name] = call.parameters
  const kind = kindOf(call)
  const under = call.text("under")
  const from = call.text("from")
  if ((under === undefined) !== (from === undefined)) {
    throw new Refusal(2, "--under and --from go together: a protection key, and a block under it")
  }
  const block = from === undefined ? undefined : readGiven(from).toString("latin1").trim()
  const opened = await openedStore(call)
  const officers = await officersOf(call, opened, "import", `bring in ${name}`)
  const checkValue = call.text("check-value")
  const given = {
    parity: opened.parity,
    ...(checkValue === undefined ? {} : { checkValue })
  }
  const context = opened.context(officers)
  if (block !== undefined && under !== undefined) {
    const made = importBlock(opened.store, name!, kind, { ...given, block, under }, context)
    return writeChange(call, opened, made)
  }
  const components: Array<Buffer> = []
  try {
    for (const officer of officers) {
      components.push(await component(call, kind, officer, opened.aesForm))
    }
  } catch (refusal) {
    for (const each of components) each.fill(0)
    const entry = { action: "import", key: name!, officers, outcome: "components-wrong" } as const
    auditRefusal(opened, entry)
    throw refusal
  }
  const result = importComponents(opened.store, name!, kind, { ...given, components }, context)
  for (const each of components) each.fill(0)
  return writeChange(call, opened, result)
}

/** One component, typed unseen, and compared with the check value on its paper. */
async function component(
  call: Call,
  kind: KeyKindName,
  officer: string,
  aesForm: AesCheckForm
): Promise<Buffer> {
  const text = await call.streams.ask(`${officer}, type your component in hex: `, true)
  const digits = text.replace(/\s/g, "")
  if (!/^(?:[0-9A-Fa-f]{2})+$/.test(digits)) {
    throw new Refusal(1, "a component is an even number of hex digits; nothing was changed")
  }
  const bytes = Buffer.from(digits, "hex")
  const value = componentCheckValue(kind, bytes, aesForm)
  if (isFault(value)) throw new Refusal(1, `${value.meaning}; nothing was changed`)
  const question = `${officer}, its check value is ${value}: is it the one on your paper? (yes) `
  const word = await call.streams.ask(question, false)
  if (word !== "yes") throw new Refusal(1, "the component was not confirmed; nothing was changed")
  return bytes
}

function graceMsOf(call: Call): number {
  const graceHours = call.number("grace-hours") ?? 0
  if (graceHours >= 0 && graceHours <= maxGraceHours) return graceHours * 3_600_000
  throw new Refusal(2, `--grace-hours: 0 to ${maxGraceHours}`)
}

async function moved(call: Call): Promise<0> {
  const to = call.text("to")
  if (to === undefined) throw new Refusal(2, "--to: say where the new master key is; see --help")
  const graceMs = graceMsOf(call)
  const opened = await openedStore(call)
  if (opened.read === undefined) throw new Refusal(1, `${opened.home.place}: there is no store yet`)
  const master = await masterKeyAt(to)
  try {
    const what = `move the store to the master key with check value ${aesCheckValue(master)}`
    const officers = await officersOf(call, opened, "move", what)
    const made = moveStore(opened.store, master, graceMs, opened.context(officers))
    return await writeChange(call, opened, made)
  } finally {
    master.fill(0)
  }
}

async function rotated(call: Call): Promise<0> {
  const [name] = call.parameters
  const graceMs = graceMsOf(call)
  const opened = await openedStore(call)
  const context = opened.context(await officersOf(call, opened, "rotate", `replace ${name}`))
  return writeChange(call, opened, rotateKey(opened.store, name!, graceMs, context))
}

async function exported(call: Call): Promise<0> {
  const [name] = call.parameters
  const under = call.text("under")
  if (under === undefined) throw new Refusal(2, "--under: name the key that protects the block")
  const opened = await openedStore(call)
  const context = opened.context(
    await officersOf(call, opened, "export", `give away ${name} under ${under}`)
  )
  const block = audited(opened, exportBlock(opened.store, name!, under, context))
  call.streams.raw(`${block}\n`)
  return 0
}

async function checked(call: Call): Promise<0> {
  const [name] = call.parameters
  const opened = await openedStore(call)
  const expected = call.text("check-value")
  const result = checkKey(opened.store, name!, expected, opened.context([]))
  const { checkValue, version } = audited(opened, result)
  writeRecord(call, { name, version, checkValue })
  return 0
}

async function listed(call: Call): Promise<0> {
  const opened = await openedStore(call)
  const rows = audited(opened, listKeys(opened.store, opened.context([])))
  writeRows(call, rows, [
    ["name", "name"],
    ["version", "version"],
    ["state", "state"],
    ["usage", "usage"],
    ["algorithm", "algorithm"],
    ["mode", "mode"],
    ["leaves", "exportability"],
    ["check value", "checkValue"]
  ])
  return 0
}

async function serials(call: Call): Promise<0> {
  const query = new URLSearchParams({ limit: String(call.number("limit")) })
  const one = call.text("terminal")
  if (one !== undefined) query.set("terminal", one)
  writeRows(call, rowsOf(await askSwitch(call, "GET", `/api/serials?${query}`)), [
    ["terminal", "terminal"],
    ["base key", "baseKey"],
    ["device", "device"],
    ["highest counter", "highest"],
    ["another may come", "released"]
  ])
  return 0
}

async function forgottenSerial(call: Call): Promise<0> {
  const [terminal] = call.parameters
  const path = `/api/serials/${encodeURIComponent(terminal!)}/forget`
  await askSwitch(call, "POST", path, { sameDevice: call.yes("same-device") })
  call.streams.say(`${terminal}: its next message says which device it has`)
  return 0
}

const config = { config: configFlag }
const dual = { ...config, officers: officersFlag }
const checkValue: Flag = { type: "text", value: "<hex>", about: "check value it must have" }

export const verb: Verb = {
  about:
    "The key store. Whatever makes, changes or gives away a key needs two officers, and every " +
    "use is in an audit log. And the DUKPT devices of a running switch's terminals.",
  actions: {
    list: {
      about: "Lists keys by name, version, use and check value.",
      parameters: [],
      flags: config,
      examples: [],
      run: listed
    },
    check: {
      about: "Opens a key's block and makes its check value anew.",
      parameters: [key],
      flags: { ...config, "check-value": checkValue },
      examples: [["keys check tmk-demo", "is it the one on the paper?"]],
      run: checked
    },
    generate: {
      about: "Makes a new key from this machine's randomness.",
      parameters: [key],
      flags: { ...dual, kind: kindFlag },
      examples: [[
        "keys generate vault-data --kind vault-data --officers ada,ben",
        "for the vault"
      ]],
      run: generated
    },
    import: {
      about:
        "Joins a key from the components that its officers type, each their own; or takes it " +
        "out of a peer's key block.",
      parameters: [key],
      flags: {
        ...dual,
        kind: kindFlag,
        "check-value": checkValue,
        under: { type: "text", value: "<name>", about: "the key that protects the peer's block" },
        from: { type: "text", value: "<file>", about: "the peer's block, of version A to D" }
      },
      examples: [
        ["keys import tmk-a --kind terminal-master --officers ada,ben", "from two papers"],
        [
          "keys import zpk-peer --kind pin --under zone-1 --from zpk.block --officers ada,ben",
          "from a peer"
        ]
      ],
      run: imported
    },
    export: {
      about: "Writes a key as a key block under a protection key of the store.",
      parameters: [key],
      flags: {
        ...dual,
        under: { type: "text", value: "<name>", about: "the key that protects the block" }
      },
      examples: [[
        "keys export tmk-a --under zone-1 --officers ada,ben > tmk-a.block",
        "for a peer"
      ]],
      run: exported
    },
    serials: {
      about: "Lists which DUKPT device speaks for each terminal of a running switch.",
      parameters: [],
      flags: {
        admin: adminFlag,
        terminal: { type: "text", value: "<id>", about: "only this terminal" },
        limit: limitFlag
      },
      examples: [["keys serials --terminal 65465423", "how far has it counted?"]],
      run: serials
    },
    "forget-serial": {
      about: "Lets a terminal that was given new DUKPT keys begin with another device.",
      parameters: [{ name: "terminal", about: "terminal id", presence: "one" }],
      flags: {
        admin: adminFlag,
        "same-device": {
          type: "yes",
          about: "it has the same serial number as before, and counts from the beginning; until " +
            "it speaks, what was recorded of it can be played again"
        }
      },
      examples: [["keys forget-serial 65465423", "it came back from the key injection"]],
      run: forgottenSerial
    },
    rotate: {
      about: "Makes a new version of a key, which a switch uses from its next start on.",
      parameters: [key],
      flags: {
        ...dual,
        "grace-hours": {
          type: "number",
          value: "<hours>",
          about: "that the store keeps the old version at least",
          fallback: 24
        }
      },
      examples: [[
        "keys rotate zone-1 --officers ada,ben",
        "before the peer and the switch change over"
      ]],
      run: rotated
    },
    move: {
      about:
        "Moves the whole store to another master key. The former one stays in it for a while " +
        "and opens the working keys that terminals were given under it.",
      parameters: [],
      flags: {
        ...dual,
        to: {
          type: "text",
          value: "<place>",
          about: "of the new master key, 64 hex digits: file:<path> or env:<NAME>"
        },
        "grace-hours": {
          type: "number",
          value: "<hours>",
          about: "that the former master key goes on opening blocks",
          fallback: 168
        }
      },
      examples: [[
        "keys move --to file:new-master.hex --officers ada,ben",
        "then put the new key in the place of the old one"
      ]],
      run: moved
    }
  }
}
