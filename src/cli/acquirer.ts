/** `pointsman acquirer`: a simulated acquirer for an upstream of the configuration. */

import { Effect } from "effect"
import { Timers } from "../actor/timers.ts"
import { loadKeyStore } from "../config/key-store-file.ts"
import type { KeyHandle } from "../domain/brand.ts"
import type { UpstreamConfig } from "../domain/config.ts"
import { Http, type HttpRequest, type HttpResponse } from "../domain/ports/http.ts"
import { Random, Time } from "../domain/ports/time.ts"
import { type ListenOptions, Transport } from "../domain/ports/transport.ts"
import type { Dialect } from "../iso8583/message.ts"
import { CipherCache } from "../security/cipher-cache.ts"
import type { KeyStore } from "../security/key-store.ts"
import { isFault } from "../security/security-fault.ts"
import { Acquirer, type AcquirerTemper, goodTemper, moods } from "../simulate/acquirer.ts"
import { UpstreamBook } from "../simulate/book.ts"
import { Issuer } from "../simulate/issuer.ts"
import { MacKey } from "../simulate/mac-key.ts"
import { openBook } from "./book-file.ts"
import { loadedConfig } from "./configuration.ts"
import { asked, runOnMachine } from "./machine.ts"
import { sharesOf } from "./shares.ts"
import { type Action, type Call, configFlag, Refusal } from "./verb.ts"

const maxControlBytes = 65_536

export const verb: Action = {
  about: "Answers as an acquirer: where an upstream of the configuration connects to, in its " +
    "dialect, with the moods that you give it. Its control port shows them to a GET of /, and " +
    "changes them by a POST of what shall be different, as {\"shares\":{\"silent\":1}}. Where " +
    "the upstream has keys, it checks and makes MACs, and answers 55 to a wrong PIN.",
  parameters: [],
  flags: {
    config: configFlag,
    upstream: {
      type: "text",
      value: "<name>",
      about: "which upstream to play",
      fallback: "acquirer"
    },
    host: {
      type: "text",
      value: "<address>",
      about: "address to listen on; 0.0.0.0 is all of them",
      fallback: "127.0.0.1"
    },
    mood: {
      type: "text",
      value: "<shares>",
      about: `shares of moods, as approve=9,slow=1 (${moods.join(" ")})`,
      fallback: "approve=1"
    },
    delay: { type: "number", value: "<ms>", about: "before an answer", fallback: 5 },
    slow: { type: "number", value: "<ms>", about: "before a slow answer", fallback: 6000 },
    late: { type: "number", value: "<ms>", about: "before a late answer", fallback: 40_000 },
    flap: {
      type: "number",
      value: "<ms>",
      about: "drop all connections this often; 0 = never",
      fallback: 0
    },
    control: {
      type: "number",
      value: "<port>",
      about: "control port on loopback; 0 = none",
      fallback: 0
    },
    certificate: { type: "text", value: "<file>", about: "speak TLS with this certificate, PEM" },
    key: { type: "text", value: "<file>", about: "its key, PEM" },
    clients: {
      type: "text",
      value: "<file>",
      about: "take links only with a certificate of this authority, PEM"
    },
    book: { type: "text", value: "<file>", about: "append its own book to this file" }
  },
  examples: [
    ["acquirer --upstream acquirer --mood approve=9,decline=1 --control 9901", "mostly approves"],
    ["acquirer --upstream unionpay --mood silent=1", "executes and never answers"]
  ],
  run
}

async function run(call: Call): Promise<0> {
  const { config, dialects, framings } = await loadedConfig(call)
  const name = call.text("upstream") ?? ""
  const upstream = config.upstreams.find((each) => each.name === name && each.kind === "iso8583")
  const known = config.upstreams.filter(({ kind }) => kind === "iso8583").map((each) => each.name)
  if (upstream === undefined) {
    throw new Refusal(2, `--upstream ${name}: the configuration has ${known.join(", ")}`)
  }
  const dialect = dialects.get(upstream.dialect)!
  const framing = framings.get(upstream.framing)!
  const temper = temperFrom(call)
  const file = openBook(call.text("book"))
  const program = Effect.gen(function*() {
    const transport = yield* Transport
    const store = yield* loadKeyStore(config.keyStore)
    const acquirer = new Acquirer({
      name,
      dialect,
      framing,
      time: yield* Time,
      timers: yield* Timers,
      random: yield* Random,
      book: new UpstreamBook(file.sink),
      temper,
      ...sharedKeys(upstream, dialect, store)
    })
    const host = call.text("host") ?? ""
    const ports = new Set(upstream.links.map(({ port }) => port))
    for (const port of ports) {
      yield* transport.listen(
        { name: "acquirer", host, port, backlog: 128, ...tlsOf(call) },
        (connection) => acquirer.accept(connection)
      )
    }
    // A listener closes when its last connection has; the switch keeps its own for ever.
    yield* Effect.addFinalizer(() => Effect.sync(() => acquirer.dropAll()))
    acquirer.flap()
    yield* serveControl(acquirer, call.number("control") ?? 0)
    call.streams.say(`${name} listens on ${[...ports].join(", ")}`)
    yield* asked(call.streams)
    const summary = { upstream: name, ...acquirer.counts, moods: acquirer.moodCounts }
    call.streams.out(`${JSON.stringify(summary)}\n`)
  })
  await runOnMachine(program)
  file.close()
  return 0
}

/** Certificate and key come together. */
function tlsOf(call: Call): Pick<ListenOptions, "tls"> {
  const certificateFile = call.text("certificate")
  const keyFile = call.text("key")
  const authorityFile = call.text("clients")
  if (certificateFile === undefined && keyFile === undefined && authorityFile === undefined) {
    return {}
  }
  if (certificateFile === undefined || keyFile === undefined) {
    throw new Refusal(2, "--certificate and --key: TLS needs both")
  }
  return {
    tls: {
      certificateFile,
      keyFile,
      ...(authorityFile === undefined
        ? { clientCertificate: "none" }
        : { authorityFile, clientCertificate: "required" })
    }
  }
}

/** What it shares with the switch: as the configuration names it, out of the same key store. */
function sharedKeys(
  { macKey, pin }: UpstreamConfig,
  dialect: Dialect,
  store: KeyStore
): { readonly issuer?: Issuer; readonly mac?: MacKey } {
  const keyOf = (name: string) => {
    const stored = store.current(name)
    const found = stored === undefined ? undefined : store.unwrap(stored)
    if (found !== undefined && !isFault(found)) return found.key
    throw new Refusal(3, `the key store has no key ${name}`)
  }
  const mac = macKey === undefined
    ? undefined
    : new MacKey(new CipherCache({ maxKeys: 1, maxCiphers: 4 }), 1 as KeyHandle, dialect)
  if (macKey !== undefined) mac?.put(keyOf(macKey))
  return {
    ...(pin === undefined ? {} : { issuer: new Issuer(keyOf(pin.key), pin.format) }),
    ...(mac === undefined ? {} : { mac })
  }
}

function temperFrom(call: Call): AcquirerTemper {
  return {
    ...goodTemper,
    shares: sharesOf(call, "mood", moods),
    delayMs: call.number("delay") ?? 0,
    slowMs: call.number("slow") ?? 0,
    lateMs: call.number("late") ?? 0,
    flapMs: call.number("flap") ?? 0
  }
}

const serveControl = Effect.fnUntraced(function*(acquirer: Acquirer, port: number) {
  if (port === 0) return
  const http = yield* Http
  yield* http.serve(
    { name: "control", host: "127.0.0.1", port, maxBodyBytes: maxControlBytes },
    (request, respond) => respond(controlled(acquirer, request))
  )
})

/** GET shows temper and counts; POST with JSON changes what it names. */
function controlled(acquirer: Acquirer, request: HttpRequest): HttpResponse {
  if (request.method === "POST") {
    const change = temperOf(request.body)
    if (change === undefined) return answer(400, { error: "send a JSON object of known keys" })
    const flapped = acquirer.temper.flapMs > 0
    acquirer.temper = { ...acquirer.temper, ...change }
    if (!flapped) acquirer.flap()
  } else if (request.method !== "GET") return answer(405, { error: "GET or POST" })
  const { connections, counts, moodCounts, temper } = acquirer
  return answer(200, { temper, connections, counts, moods: moodCounts })
}

function temperOf(body: Uint8Array): Partial<AcquirerTemper> | undefined {
  try {
    const given: unknown = JSON.parse(Buffer.from(body).toString())
    if (typeof given !== "object" || given === null) return undefined
    for (const [key, value] of Object.entries(given)) {
      if (key === "shares") {
        const isKnown = typeof value === "object" && value !== null &&
          Object.entries(value).every(([mood, share]) =>
            moods.some((each) => each === mood) && typeof share === "number"
          )
        if (!isKnown) return undefined
      } else if (!(key in goodTemper) || typeof value !== "number") return undefined
    }
    return given
  } catch {
    return undefined
  }
}

function answer(status: number, body: object): HttpResponse {
  return {
    status,
    headers: new Map([["content-type", "application/json"]]),
    body: Buffer.from(`${JSON.stringify(body)}\n`)
  }
}
