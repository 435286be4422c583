/** Loading whole configurations: the file, the files it names, and all of their faults. */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe } from "vitest"
import { certificatesOf, certificateWarnings } from "../../src/config/certificates.ts"
import { diffConfig } from "../../src/config/changes.ts"
import { loadConfig } from "../../src/config/load.ts"
import { bundledFolder } from "../../src/config/named-files.ts"
import { resolveSecret } from "../../src/config/secrets.ts"
import { unsaidInReversals } from "../../src/iso8583/reversal.ts"
import { dialect } from "../iso8583/shipped.ts"
import { small } from "./settings.ts"

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pointsman-config-"))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Writes files into a folder of their own, and gives the path of the first. */
function written(name: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name, path)), { recursive: true })
    writeFileSync(join(folder, name, path), text)
  }
  return join(folder, name, Object.keys(files)[0]!)
}

const terminals = "terminal,merchant\nT1,M1\n"
const load = (path: string, version?: number) =>
  loadConfig(path, version).pipe(Effect.provide(NodeFileSystem.layer))
const faults = (path: string) =>
  load(path).pipe(
    Effect.flip,
    Effect.map(({ message }) => message.replaceAll(`${folder}/`, "").split("\n"))
  )

describe("a configuration", () => {
  it.live("that comes along is good, and brings its dialects, mappings and terminals", () =>
    Effect.gen(function*() {
      const loaded = yield* load(join(bundledFolder, "pointsman.yaml"))
      expect([...loaded.dialects.keys()].toSorted()).toEqual(["cup-pos", "iso87-ascii"])
      expect([...loaded.framings.keys()].toSorted()).toEqual(["cup-tpdu", "length2"])
      expect([...loaded.mappings.keys()].toSorted()).toEqual([
        "cup-pos>cup-pos",
        "cup-pos>iso87-ascii",
        "iso87-ascii>cup-pos",
        "iso87-ascii>iso87-ascii"
      ])
      expect(loaded.terminals.length).toBeGreaterThan(200)
      expect(loaded.config.version).toBe(1)
    }))

  it.live("has paths relative to its own folder, and the next version", () =>
    Effect.gen(function*() {
      const path = written("paths", {
        "a.yaml": `${small}keyStore: { masterKey: { file: m.key } }\njournal: { path: j }\n`,
        "terminals.csv": terminals
      })
      const first = yield* load(path)
      expect(first.config.journal.path).toBe(join(folder, "paths", "j"))
      expect(first.config.keyStore.masterKey).toEqual({ file: join(folder, "paths", "m.key") })
      const second = yield* load(path, first.config.version)
      expect(second.config.version).toBe(2)
      expect(diffConfig(first, second)).toEqual([])
    }))

  it.live("may bring a framing of its own, which wins, and a reload sees that it changed", () =>
    Effect.gen(function*() {
      const own = "# Ours.\nname: length2\nlength: { bytes: 2, encoding: bcd }\n"
      const path = written("own", { "a.yaml": small, "terminals.csv": terminals })
      const before = yield* load(path)
      written("own", { "framings/length2.yaml": own })
      const after = yield* load(path)
      expect(diffConfig(before, after).map((each) => each.path)).toEqual([
        "files.framings/length2.yaml"
      ])
      const frame = after.framings.get("length2")?.encode(Buffer.of(), Buffer.alloc(36))
      expect(frame?.subarray(0, 2).toString("hex")).toBe("0036")
    }))
})

describe("faults", () => {
  it.live("of all files come at once, each with file, line and path", () =>
    Effect.gen(function*() {
      const text = small
        .replace("port: 8583", "port: 8583, framing: mine, dialect: iso88")
        .concat("timeouts: { terminalMs: 20000 }\nterminalsFile: t.csv\n")
      const path = written("many", {
        "a.yaml": text,
        "framings/mine.yaml": "name: mine\nlength: { bytes: 2, encoding: rot13 }\n",
        "t.csv": "terminal,merchant\n\nT123456789,M1\n"
      })
      const found = yield* faults(path)
      expect(found).toHaveLength(5)
      expect(found[0]).toMatch(/a\.yaml:2: listeners\[0\]\.dialect: there is no dialects\/iso88/)
      expect(found[0]).toMatch(/there are .*cup-pos, .*iso87-ascii/)
      expect(found[1]).toMatch(/a\.yaml:4: upstreams\[0\]\.timeoutMs: 25000/)
      expect(found[2]).toMatch(/a\.yaml:4: upstreams\[0\]\.mappings\.iso88: no mapping from iso88/)
      expect(found[3]).toMatch(/mine\.yaml:2: length\.encoding: /)
      expect(found[4]).toMatch(/t\.csv:3: terminal: /)
    }))

  it.live("are given for files that are not there, are folders, or are not YAML", () =>
    Effect.gen(function*() {
      expect(yield* faults(join(folder, "absent.yaml"))).toEqual([
        "absent.yaml: cannot be read: no such file; give another one with --config"
      ])
      expect((yield* faults(folder)).join()).toContain("is a folder")
      const path = written("broken", { "a.yaml": "listeners: [\n", "terminals.csv": terminals })
      expect((yield* faults(path))[0]).toMatch(/a\.yaml:\d: /)
      const without = written("without", { "a.yaml": small })
      expect((yield* faults(without)).join()).toContain(
        "terminals.csv: cannot be read: no such file"
      )
    }))

  it.live("are given for a dialect beside the file that cannot be read: none takes its place", () =>
    Effect.gen(function*() {
      const path = written("unread", { "a.yaml": small, "terminals.csv": terminals })
      mkdirSync(join(folder, "unread", "dialects", "iso87-ascii.yaml"), { recursive: true })
      expect((yield* faults(path)).join()).toMatch(
        /listeners\[0\]\.dialect: .*iso87-ascii\.yaml cannot be read: is a folder/
      )
    }))

  it.live("are given when two upstreams of one dialect want different mappings", () =>
    Effect.gen(function*() {
      const text = small
        .replace("port: 8583", "port: 8583, dialect: cup-pos, framing: cup-tpdu")
        .replace("links:", "mappings: { cup-pos: cup-pos-to-iso87-ascii }\n    links:")
        .replace(
          "routes:",
          "  - { name: b, links: [{ port: 2 }], mappings: { cup-pos: other } }\nroutes:"
        )
      const path = written("two", { "a.yaml": text, "terminals.csv": terminals })
      expect((yield* faults(path)).join()).toContain(
        "a.yaml:7: upstreams[1].mappings.cup-pos: upstreams[0] maps this pair by cup-pos-to-iso87"
      )
    }))
})

describe("an upstream", () => {
  it.live("signs on only where its dialect has a sign-on", () =>
    Effect.gen(function*() {
      const shipped = readFileSync(join(bundledFolder, "dialects", "iso87-ascii.yaml"), "utf8")
      const mute = shipped.replace(/^ {2}- \{ kind: sign-on, .*$/m, "")
      const text = small.replace("links:", "dialect: mute\n    links:")
        .replace("port: 8583", "port: 8583, dialect: mute")
      const files = { "terminals.csv": terminals, "dialects/mute.yaml": mute }
      expect(yield* faults(written("mute", { "a.yaml": text, ...files }))).toEqual([
        "mute/a.yaml:4: upstreams[0].signOn: mute has no sign-on: say signOn: false, or no link " +
        "comes up"
      ])
      const quiet = text.replace("links:", "signOn: false\n    links:")
      yield* load(written("quiet", { "a.yaml": quiet, ...files }))
    }))
})

describe("an upstream's reversals", () => {
  it.live("give every field that they must carry", () =>
    Effect.gen(function*() {
      const shipped = readFileSync(join(bundledFolder, "dialects", "iso87-ascii.yaml"), "utf8")
      const vague = shipped.replace(/^ {4}"90\.\d": .*\n/gm, "")
      const text = small.replace("links:", "dialect: vague\n    links:")
        .replace("port: 8583", "port: 8583, dialect: vague")
      const files = { "terminals.csv": terminals, "dialects/vague.yaml": vague }
      const unsaid = (mti: string) =>
        `vague/a.yaml:5: upstreams[0].dialect: vague cannot reverse: ${mti} must carry field 90, ` +
        "which its reversal.values do not give"
      expect(yield* faults(written("vague", { "a.yaml": text, ...files }))).toEqual([
        unsaid("0420"),
        unsaid("0421")
      ])
    }))

  it.each(["iso87-binary", "iso93-ascii", "iso2003-ascii", "pos-nac", "cup-interbank"])(
    "of %s do",
    (name) => expect(unsaidInReversals(dialect(name))).toEqual([])
  )
})

describe("certificates", () => {
  const corpus = join(import.meta.dirname, "..", "corpus", "tls")
  const withTls = (key: string, certificate: string) =>
    written("tls", {
      "a.yaml": small.replace(
        "port: 8583",
        `port: 8583, tls: { keyFile: ${key}, certificateFile: ${certificate} }`
      ),
      "terminals.csv": terminals,
      "no.key": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"
    })
  const file = (name: string) => join(corpus, name)

  it.live("are good when the key belongs to them", () =>
    Effect.gen(function*() {
      const loadedConfig = yield* load(withTls(file("server.key"), file("server.pem")))
      expect(loadedConfig.config.listeners[0]?.tls?.keyFile).toBe(file("server.key"))
    }))

  it.live("are refused when they are absent, foreign, or something else", () =>
    Effect.gen(function*() {
      const foreign = yield* faults(withTls(file("stranger.key"), file("server.pem")))
      expect(foreign).toEqual([
        "tls/a.yaml:2: listeners[0].tls.keyFile: is not the key of the certificate"
      ])
      const wrong = yield* faults(withTls("no.key", "gone.pem"))
      expect(wrong.join("\n")).toMatch(/certificateFile: .*gone\.pem cannot be read: no such file/)
      expect(wrong.join("\n")).toMatch(/keyFile: .*no\.key is not a private key/)
      expect(wrong.join("\n")).not.toContain("c2VjcmV0")
    }))

  it.live("come with a list of revoked ones that is one", () =>
    Effect.gen(function*() {
      const path = withTls(file("server.key"), file("server.pem"))
      const withList = (list: string) =>
        readFileSync(path, "utf8").replace("certificateFile", `revocationFile: ${list}, $&`)
      const good = withList(file("revoked-one.pem"))
      const bad = withList(file("server.key"))
      writeFileSync(path, bad)
      expect(yield* faults(path)).toEqual([
        expect.stringMatching(/tls\.revocationFile: .*server\.key is not a list of revoked/)
      ])
      writeFileSync(path, good)
      expect((yield* load(path)).config.listeners[0]?.tls?.revocationFile).toContain("revoked-one")
    }))

  it.effect("are refused when they have ended", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.UTC(2200, 0, 1))
      const found = yield* faults(withTls(file("server.key"), file("server.pem")))
      expect(found.join()).toMatch(/tls\.certificateFile: ended on \d{4}-\d\d-\d\d$/)
    }))

  const withLinkTls = (tls: string) =>
    written("tls", {
      "a.yaml": small.replace("links:", `tls: { ${tls} }\n    links:`),
      "terminals.csv": terminals
    })
  const ours = (certificate: string, key: string) =>
    `certificateFile: ${file(certificate)}, keyFile: ${file(key)}`

  it.live("of ours towards an upstream are looked at in the same way", () =>
    Effect.gen(function*() {
      yield* load(withLinkTls(`authorityFile: ${file("authority.pem")}`))
      yield* load(withLinkTls(ours("terminal.pem", "terminal.key")))
      expect(yield* faults(withLinkTls(ours("terminal.pem", "stranger.key")))).toEqual([
        "tls/a.yaml:5: upstreams[0].tls.keyFile: is not the key of the certificate"
      ])
      const wrong = yield* faults(
        withLinkTls(`${ours("gone.pem", "gone.key")}, authorityFile: ${file("server.key")}`)
      )
      expect(wrong.join("\n")).toMatch(/certificateFile: .*gone\.pem cannot be read: no such file/)
      expect(wrong.join("\n")).toMatch(/keyFile: .*gone\.key cannot be read: no such file/)
      expect(wrong.join("\n")).toMatch(/authorityFile: .*server\.key is not a certificate, PEM/)
    }))

  it.effect("of ours towards an upstream are refused when they have ended", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.UTC(2200, 0, 1))
      const found = yield* faults(withLinkTls(ours("terminal.pem", "terminal.key")))
      expect(found.join()).toMatch(/upstreams\[0\]\.tls\.certificateFile: ended on/)
    }))

  it.effect("are warned of, authorities and chains included, thirty days before they end", () =>
    Effect.gen(function*() {
      const bundle = written("tls", {
        "bundle.pem": ["authority.pem", "server.pem"].map((each) => readFileSync(file(each)))
          .join("\n")
      })
      const { config } = yield* load(
        withLinkTls(`${ours("terminal.pem", "terminal.key")}, authorityFile: ${bundle}`)
      )
      const provided = Effect.provide(NodeFileSystem.layer)
      const found = yield* certificatesOf(config).pipe(provided)
      expect(found.map(({ name, path, use }) => [name, path, use])).toEqual([
        ["acquirer", "upstreams[0].tls.certificateFile", "own"],
        ["acquirer", "upstreams[0].tls.authorityFile", "authority"],
        ["acquirer", "upstreams[0].tls.authorityFile", "authority"]
      ])
      const { endsMs, subject } = found[2]!
      const on = new Date(endsMs).toISOString().slice(0, 10)
      const at = `upstreams[0].tls.authorityFile: ${subject}`
      const dayMs = 86_400_000
      const said = (ms: number) =>
        Effect.andThen(TestClock.setTime(ms), certificateWarnings(config)).pipe(provided)
      expect(yield* said(endsMs - 30 * dayMs)).not.toContainEqual(expect.stringContaining(at))
      expect(yield* said(endsMs - 30 * dayMs + 1)).toContain(`${at} ends in 29 days, on ${on}`)
      expect(yield* said(endsMs + 1)).toContain(`${at} ended on ${on}`)
    }))
})

describe("a secret", () => {
  const resolved = (reference: { file: string } | { env: string }) =>
    resolveSecret(reference).pipe(
      Effect.provide(NodeFileSystem.layer),
      Effect.provide(
        ConfigProvider.layer(ConfigProvider.fromEnvRecord({ THERE: "s3cret", EMPTY: "" }))
      )
    )

  it.live("is read where its reference says, and prints as nothing", () =>
    Effect.gen(function*() {
      const path = written("secret", { "key": "0011\n" })
      const fromFile = yield* resolved({ file: path })
      expect(Redacted.value(fromFile)).toBe("0011")
      expect(JSON.stringify({ fromFile, text: String(fromFile) })).not.toContain("0011")
      const foreign = written("secret", { "foreign": "0011\r\n" })
      expect(Redacted.value(yield* resolved({ file: foreign }))).toBe("0011")
      expect(Redacted.value(yield* resolved({ env: "THERE" }))).toBe("s3cret")
    }))

  it.live("that is not there is named with what to do", () =>
    Effect.gen(function*() {
      const advice = (reference: { file: string } | { env: string }) =>
        resolved(reference).pipe(Effect.flip, Effect.map((error) => error.advice))
      expect(yield* advice({ env: "ABSENT" })).toBe("set the environment variable ABSENT")
      expect(yield* advice({ env: "EMPTY" })).toContain("EMPTY")
      // Whoever knows that there is none could sign with it.
      const blank = written("secret", { "blank": "\n" })
      expect(yield* advice({ file: blank })).toBe(`file ${blank} is empty`)
      expect(yield* advice({ file: join(folder, "no") })).toContain("cannot read the secret file")
    }))
})
