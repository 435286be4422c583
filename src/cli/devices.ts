/**
 * `pointsman devices`: simulated QR devices of the estate, which announce what customers paid; and
 * with --conform, the script that a device maker holds against a switch.
 */

import { Effect, Redacted } from "effect"
import { Timers } from "../actor/timers.ts"
import { loadKeyStore } from "../config/key-store-file.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import { resolveSecret } from "../config/secrets.ts"
import { Http } from "../domain/ports/http.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import { Random, Time } from "../domain/ports/time.ts"
import { Transport } from "../domain/ports/transport.ts"
import type { KeyStore } from "../security/key-store.ts"
import { isFault } from "../security/security-fault.ts"
import { conform, type StepResult } from "../simulate/device-conformance.ts"
import { Device } from "../simulate/device.ts"
import { PaymentBook } from "../simulate/payment-book.ts"
import { deliverNotice, genericNotice } from "../simulate/wallet.ts"
import { openBook } from "./book-file.ts"
import { loadedConfig } from "./configuration.ts"
import { asked, runOnMachine } from "./machine.ts"
import { writeRows } from "./table.ts"
import { type Action, type Call, configFlag, Refusal } from "./verb.ts"

export const verb: Action = {
  about:
    "QR devices and soundboxes of the estate that connect, prove themselves and announce what " +
    "was paid at their counters. With --conform, the script for device makers instead: every " +
    "exchange of the schema (docs/reference/devices.md) against a switch, step by step.",
  parameters: [],
  flags: {
    config: configFlag,
    conform: { type: "text", value: "<host:port>", about: "run the script against this listener" },
    terminal: { type: "text", value: "<id>", about: "for the script: which device it plays" },
    count: { type: "number", value: "<n>", about: "devices", fallback: 10 },
    book: { type: "text", value: "<file>", about: "append what they are told to this file" },
    seconds: { type: "number", value: "<s>", about: "end after this; 0 = never", fallback: 0 },
    report: {
      type: "number",
      value: "<s>",
      about: "write the sum so far this often; 0 = only at the end",
      fallback: 0
    }
  },
  examples: [
    ["devices --count 20", "counters that tell what was paid"],
    ["devices --conform 127.0.0.1:8585", "does this switch speak as it should?"]
  ],
  run: (call) => call.text("conform") === undefined ? fleet(call) : conformance(call)
}

/** A device of the estate with the key that the key store has for it. */
interface Known {
  readonly profile: TerminalProfile
  readonly key: Uint8Array
}

function knownDevices({ terminals }: LoadedConfig, store: KeyStore): ReadonlyArray<Known> {
  return terminals.filter(({ blocked, identity }) => identity === "hello" && !blocked).flatMap(
    (profile) => {
      const stored = store.current(`mak-${profile.terminal.trim()}`)
      const opened = stored === undefined ? undefined : store.unwrap(stored)
      return opened === undefined || isFault(opened) ? [] : [{ profile, key: opened.key }]
    }
  )
}

async function fleet(call: Call): Promise<0 | 1> {
  const loaded = await loadedConfig(call)
  const listener = loaded.config.listeners.find(({ kind }) => kind === "devices")
  if (listener === undefined) throw new Refusal(2, "the configuration has no listener for devices")
  const count = call.number("count") ?? 0
  const file = openBook(call.text("book"))
  // What was paid stands in the wallets' books: here nobody knows whether it is right.
  const book = new PaymentBook(file.sink)
  const sum = { devices: count, ready: 0, pushes: 0, amount: 0 }
  const program = Effect.gen(function*() {
    const known = knownDevices(loaded, yield* loadKeyStore(loaded.config.keyStore))
    if (known.length < count) {
      const advice = `--count ${count}: the estate has ${known.length} devices with keys`
      return yield* Effect.fail({ _tag: "TooFew", advice } as const)
    }
    const services = yield* deviceServices
    const devices = known.slice(0, count).map(({ key, profile }) =>
      new Device({
        ...services,
        terminal: profile.terminal.trim(),
        key,
        host: "127.0.0.1",
        port: listener.port,
        onPush: ({ amount, payment }) => {
          book.tell(profile.terminal.trim(), payment, amount)
          sum.pushes++
          if (typeof amount === "number") sum.amount += amount
        }
      })
    )
    const report = () => {
      const ready = devices.filter(({ isReady }) => isReady).length
      call.streams.out(`${JSON.stringify({ ...sum, ready })}\n`)
    }
    for (const { profile } of known.slice(0, count)) book.listen(profile.terminal.trim())
    for (const device of devices) device.connect()
    call.streams.say(`${count} devices call ${listener.name} on ${listener.port}`)
    const time = yield* Time
    const everyS = call.number("report") ?? 0
    const stop = everyS > 0 ? time.every(everyS * 1000, report) : () => {}
    const seconds = call.number("seconds") ?? 0
    yield* Effect.raceAll([
      asked(call.streams),
      ...(seconds > 0 ? [Effect.sleep(seconds * 1000)] : [])
    ])
    stop()
    report()
    for (const device of devices) device.stop()
  })
  await runOnMachine(program)
  file.close()
  return 0
}

const deviceServices = Effect.gen(function*() {
  return { transport: yield* Transport, timers: yield* Timers, random: yield* Random }
})

async function conformance(call: Call): Promise<0 | 1> {
  const address = /^(.+):(\d{1,5})$/.exec(call.text("conform") ?? "")
  if (address === null) throw new Refusal(2, "--conform: expected host:port")
  const [, host = "", port = ""] = address
  const loaded = await loadedConfig(call)
  const wanted = call.text("terminal")
  const program = Effect.gen(function*() {
    const known = knownDevices(loaded, yield* loadKeyStore(loaded.config.keyStore))
    const found = known.find(({ profile }) =>
      wanted === undefined || profile.terminal.trim() === wanted
    )
    if (found === undefined) {
      const advice = `no device ${wanted ?? ""} with a key in the estate: name one with --terminal`
      return yield* Effect.fail({ _tag: "NoDevice", advice } as const)
    }
    const pay = yield* payment(loaded, found.profile)
    return yield* conform({
      ...(yield* deviceServices),
      host,
      port: Number(port),
      terminal: found.profile.terminal.trim(),
      key: found.key,
      currency: "156",
      payCode: "134567890123456789",
      ...(pay === undefined ? {} : { pay })
    })
  })
  const results = await runOnMachine(program)
  return told(call, results)
}

function told(call: Call, results: ReadonlyArray<StepResult>): 0 | 1 {
  const wrong = results.filter(({ fault }) => fault !== undefined).length
  writeRows(call, results.map(({ fault, step }) => ({ step, result: fault ?? "holds" })), [
    ["step", "step"],
    ["result", "result"]
  ])
  call.streams.say(`${results.length - wrong} of ${results.length} steps hold`)
  return wrong === 0 ? 0 : 1
}

/** A customer pays at the device's counter, as its wallet would tell; undefined: none could. */
const payment = Effect.fnUntraced(
  function*({ config }: LoadedConfig, { counter }: TerminalProfile) {
    const account = config.public.accounts.find(({ scheme }) => scheme === "hmac")
    if (counter === undefined || account?.secret === undefined) return undefined
    const secret = Buffer.from(Redacted.value(yield* resolveSecret(account.secret)))
    const http = yield* Http
    const time = yield* Time
    const timers = yield* Timers
    const random = yield* Random
    const url = `http://127.0.0.1:${config.public.port}${account.path}`
    return Effect.callback<void>((resume) => {
      const number = Buffer.from(random.bytes(6)).toString("hex")
      const paid = {
        id: `conform-${number}`,
        payment: `conform-${number}`,
        counter,
        amount: 130,
        merchantAccount: account.merchantId,
        paidMs: time.wallMs()
      }
      const notice = genericNotice(paid, secret, time.wallMs(), random)
      deliverNotice(http, timers, url, notice, [], () => resume(Effect.void))
    })
  }
)
