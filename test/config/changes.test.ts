/** What a reload would change: by name, and whether it can happen while the switch runs. */

import { describe, expect, it } from "vitest"
import { diffConfig, needRestart } from "../../src/config/changes.ts"
import type { Settings } from "../../src/config/loaded.ts"
import type { LoadedConfig } from "../../src/config/loaded.ts"
import { parseTerminals } from "../../src/config/terminals-file.ts"
import type { TerminalProfile } from "../../src/domain/ports/terminals.ts"
import { settingsOf, small } from "./settings.ts"

const loaded = (text: string, version = 1, digest = "d", csv = "T1,M1"): LoadedConfig => ({
  config: { ...settingsOf(text) as Settings, version },
  dialects: new Map(),
  framings: new Map(),
  mappings: new Map(),
  terminals: parseTerminals("t", `terminal,merchant\n${csv}\n`) as ReadonlyArray<TerminalProfile>,
  digests: new Map([["dialects/a.yaml", digest]]),
  parameters: new Map()
})

const changes = (text: string) =>
  diffConfig(loaded(small), loaded(text, 2)).map(({ change, path, what }) =>
    `${path} ${what} ${change}`
  )

describe("a reload", () => {
  it("changes nothing when the file means the same", () => {
    expect(changes(`# another comment\n${small}node: node-1\n`)).toEqual([])
  })

  it("changes routes and terminals live", () => {
    const more = "  - { name: tea, when: { bins: [62] }, to: [acquirer] }\n"
    expect(changes(`${small}${more}`)).toEqual(["routes.tea added live"])
    expect(changes(small.replace("name: all", "name: every"))).toEqual([
      "routes.all removed live",
      "routes.every added live"
    ])
    expect(changes(small.replace("name: all", "name: all, when: { kinds: [sale] }"))).toEqual([
      "routes.all.when.kinds added live"
    ])
    const allow = (list: string) => small.replace("port: 8583", `port: 8583, allow: ${list}`)
    expect(changes(allow("[10.0.0.0/8]"))).toEqual(["listeners.terminals.allow added live"])
    const narrower = diffConfig(loaded(allow("[10.0.0.0/8]")), loaded(allow("[10.0.0.0/9]")))
    expect(needRestart(narrower)).toEqual([])
    expect(narrower).toHaveLength(1)
    const shared = small.replace("to: [acquirer]", "to: [{ upstream: acquirer, share: 7 }]")
    expect(changes(shared)).toEqual(["routes.all.to changed live"])
    const other = diffConfig(loaded(small), loaded(small, 2, "d", "T1,M2\nT2,M1"))
    expect(other.map(({ path, what }) => `${path} ${what}`)).toEqual([
      "terminals.T1 changed",
      "terminals.T2 added"
    ])
    expect(needRestart(other)).toEqual([])
  })

  it("names what needs a restart by its key, and items of lists by their name", () => {
    const text = small.replace("links:", "timeoutMs: 20000\n    links:").replace("8583", "8593")
      .concat("journal: { maxBytes: 99999999 }\n")
    expect(changes(text)).toEqual([
      "listeners.terminals.port changed restart",
      "upstreams.acquirer.timeoutMs changed restart",
      "journal.maxBytes changed restart"
    ])
    const front = small.replace(
      "upstreams:\n",
      "upstreams:\n  - { name: b, links: [{ port: 1 }] }\n"
    )
    expect(changes(front)).toEqual(["upstreams.b added restart"])
  })

  it("sees that a dialect's file changed", () => {
    expect(needRestart(diffConfig(loaded(small), loaded(small, 2, "e")))).toEqual([
      "files.dialects/a.yaml"
    ])
  })

  it("sees routes in another order", () => {
    const two = `${small}  - { name: b, when: { bins: [4] }, to: [acquirer] }\n`
    const turned = small.replace(
      "  - { name: all, to: [acquirer] }\n",
      "  - { name: b, when: { bins: [4] }, to: [acquirer] }\n  - { name: all, to: [acquirer] }\n"
    )
    expect(diffConfig(loaded(two), loaded(turned))).toEqual([
      { path: "routes", what: "changed", change: "live" }
    ])
  })
})
