/** The file's keys: defaults for nearly everything, and every fault with its line and path. */

import { describe, expect, it } from "vitest"
import { limits } from "../../src/config/limits.ts"
import type { Settings } from "../../src/config/loaded.ts"
import { faultsOf, settingsOf, small } from "./settings.ts"

describe("a small file", () => {
  it("is enough: everything else has a default", () => {
    const settings = settingsOf(small) as Settings
    expect(settings).toMatchObject({ node: "node-1", cutOver: "00:00", privateNetwork: false })
    expect(settings.listeners[0]).toMatchObject({ host: "127.0.0.1", kind: "iso8583" })
    expect(settings.upstreams[0]).toMatchObject({ timeoutMs: 25_000, signOn: true })
    expect(settings.upstreams[0]?.breaker.technicalCodes).toEqual(["91", "92", "96"])
    expect(settings.journal).toMatchObject({ mode: "strict", unsafe: false })
    expect(settings.public.accounts).toEqual([])
    expect(settings.routes[0]?.when).toEqual({})
    expect(settings.upstreams[0]).not.toHaveProperty("account")
  })

  it("may say numbers where names are meant, and they stay as written", () => {
    const text = small.replace(
      "to: [acquirer]",
      "when: { bins: [0010, 4000-4999] }, to: [acquirer]"
    )
      .replace("links:", "acquirerId: 00010000\n    links:")
    const settings = settingsOf(text) as Settings
    expect(settings.routes[0]?.when.bins).toEqual(["0010", "4000-4999"])
    expect(settings.upstreams[0]?.acquirerId).toBe("00010000")
  })

  it("may give shares to the upstreams of a route", () => {
    const text = (to: string) => small.replace("to: [acquirer]", `to: ${to}`)
    expect((settingsOf(text("[{ upstream: acquirer, share: 7 }]")) as Settings).routes[0]?.to)
      .toEqual([{ upstream: "acquirer", share: 7 }])
    expect(faultsOf(text("[{ upstream: acquirer, share: 0 }, { upstrm: acquirer }, 7]"))).toEqual([
      "a.yaml:7: routes[0].to[0].share: 0: expected a whole number of parts from 1 to 10000",
      "a.yaml:7: routes[0].to[1].upstrm: unknown key. Did you mean upstream?",
      "a.yaml:7: routes[0].to[1].upstream: missing: expected a name of letters, digits, - and _",
      "a.yaml:7: routes[0].to[1].share: missing: expected a whole number of parts from 1 to 10000",
      "a.yaml:7: routes[0].to[2]: 7: expected a name of letters, digits, - and _"
    ])
    expect(faultsOf(text("[{ upstream: aquirer, share: 7 }]"))).toEqual([
      "a.yaml:7: routes[0].to[0]: there is no upstream named aquirer. Did you mean acquirer?"
    ])
  })

  it("may name the balancers in front of a listener", () => {
    const text = small.replace("port: 8583", "port: 8583, balancers: [10.0.0.7, fd00::1]")
    expect((settingsOf(text) as Settings).listeners[0]?.balancers).toEqual(["10.0.0.7", "fd00::1"])
    const wrong = small.replace("port: 8583", "port: 8583, balancers: [lb.example.org]")
    expect(faultsOf(wrong)[0]).toContain("balancers[0]: lb.example.org: expected an IP address")
  })

  it("may say who may connect to a listener", () => {
    const text = (allow: string) => small.replace("port: 8583", `port: 8583, allow: ${allow}`)
    const allow = ["10.0.0.0/8", "192.0.2.7", "fd00::/8", "::/0"]
    expect(
      (settingsOf(text(`[${allow.map((each) => `"${each}"`).join(", ")}]`)) as Settings)
        .listeners[0]?.allow
    ).toEqual(allow)
    const network = "expected an IP address, or a network as 10.0.0.0/8"
    expect(faultsOf(text("[10.0.0.0/33, \"10.0.0/8\", \"fd00::/129\", 10.0.0.0/, 10.0.0.1/8/8]")))
      .toEqual([
        "a.yaml:2: listeners[0].allow[0]: 10.0.0.0/33: the length of an IPv4 network is from 0 to 32",
        `a.yaml:2: listeners[0].allow[1]: 10.0.0/8: ${network}`,
        "a.yaml:2: listeners[0].allow[2]: fd00::/129: the length of an IPv6 network is from 0 to 128",
        "a.yaml:2: listeners[0].allow[3]: 10.0.0.0/: the length of an IPv4 network is from 0 to 32",
        "a.yaml:2: listeners[0].allow[4]: 10.0.0.1/8/8: the length of an IPv4 network is from 0 to 32"
      ])
    expect(faultsOf(text("[office]"))[0]).toContain("listeners[0].allow[0]: office: expected")
    expect(faultsOf(text("[]"))[0]).toContain("listeners[0].allow: expected a list of at least 1")
    const many = Array.from({ length: 1001 }, (_, at) => `10.0.${at >> 8}.${at & 255}`)
    expect(faultsOf(text(`[${many.join(", ")}]`))).toEqual([
      "a.yaml:2: listeners[0].allow: 1001 entries: at most 1000; name networks"
    ])
  })

  it("may use anchors, within reason", () => {
    const text = `${small}codec: &c { workers: 2 }\n`
      .replace("{ name: terminals", "&l { name: terminals")
    expect(faultsOf(text)).toEqual([])
    expect(faultsOf(small.replace("[{ port: 9001 }]", "*nowhere"))).toHaveLength(1)
  })
})

describe("a fault", () => {
  it("names file, line and path, and all are found at once", () => {
    const text = small
      .replace("port: 8583", "port: 85830, prot: 1")
      .replace("links: [{ port: 9001 }]", "links: [{ port: x }]\n    breaker: { openMs: -1 }")
      .concat("jurnal: {}\n")
    expect(faultsOf(text)).toEqual([
      "a.yaml:2: listeners[0].prot: unknown key. Did you mean port?",
      "a.yaml:2: listeners[0].port: 85830: expected a whole number from 0 to 65535",
      "a.yaml:5: upstreams[0].links[0].port: x: expected a whole number from 0 to 65535",
      "a.yaml:6: upstreams[0].breaker.openMs: -1: expected a whole number of milliseconds " +
      "from 10 to 600000",
      "a.yaml:9: jurnal: unknown key. Did you mean journal?"
    ])
  })

  it("says what is missing where it would stand", () => {
    expect(faultsOf("listeners: []\n")).toEqual([
      "a.yaml:1: listeners: expected a list of at least 1",
      "a.yaml:1: upstreams: missing: expected a list of at least 1",
      "a.yaml:1: routes: missing: expected a list of at least 1"
    ])
    expect(faultsOf("")).toHaveLength(1)
  })

  it("of choice says what was probably meant", () => {
    const text = small.replace("port: 8583", "port: 8583, kind: iso8853")
    expect(faultsOf(text)[0]).toContain("iso8853: expected one of iso8583, devices, notifications.")
    expect(faultsOf(text)[0]).toContain("Did you mean iso8583?")
  })

  it("of syntax has its line, and nothing else is said", () => {
    const [first, ...rest] = faultsOf(`${small}node: "open\n`)
    expect(first).toMatch(/^a\.yaml:\d+: /)
    expect(rest).toEqual([])
    expect(faultsOf(`${small}node: a\nnode: b\n`)[0]).toContain("a.yaml:9: ")
  })

  it("never repeats a secret or a card number that stands where it should not", () => {
    const secret = "00112233445566778899AABBCCDDEEFF"
    const faults = faultsOf(`${small}keyStore: { masterKey: ${secret} }\n`)
    expect(faults).toHaveLength(1)
    expect(faults[0]).toContain("a secret itself is never in the file")
    expect(faults.join()).not.toContain(secret)
    expect(faultsOf(`${small}cutOver: 4111111111111111\n`).join()).toContain("411111******1111")
  })

  it("is given for what YAML can do and nobody means", () => {
    expect(faultsOf(`${small}node: [a]\n`)[0]).toContain("a list: expected")
    expect(faultsOf(`${small}codec: 5\n`)[0]).toContain("codec: 5: expected keys such as workers")
    expect(faultsOf("- a\n- b\n")[0]).toContain("a list: expected keys such as node")
    expect(faultsOf(`${small}__proto__: { a: 1 }\n`)[0]).toContain("__proto__: unknown key")
    expect(faultsOf(`${small}constructor: 1\n`)[0]).toContain("constructor: unknown key")
  })
})

describe("the limits", () => {
  it("have a usual value within bounds, and a reason", () => {
    for (const [name, { least, most, usual, why }] of Object.entries(limits)) {
      expect(least <= usual && usual <= most, name).toBe(true)
      expect(why.length, name).toBeGreaterThan(20)
    }
  })

  it("relate as the switch needs them to", () => {
    const usual = (name: keyof typeof limits) => limits[name].usual
    expect(usual("upstreamTimeoutMs") + usual("marginMs")).toBeLessThan(usual("terminalMs"))
    expect(usual("breakerSlowMs")).toBeLessThan(usual("upstreamTimeoutMs"))
    expect(usual("breakerOpenMs")).toBeLessThanOrEqual(usual("breakerMaxOpenMs"))
    expect(usual("adviceFirstMs")).toBeLessThan(usual("adviceMaxMs"))
    expect(usual("drainMs")).toBeGreaterThanOrEqual(usual("upstreamTimeoutMs"))
    expect(usual("frameMs")).toBeLessThanOrEqual(usual("idleMs"))
    expect(usual("maxPendingBytes")).toBeGreaterThanOrEqual(usual("maxFrameBytes"))
    expect(usual("reconnectFirstMs")).toBeLessThan(usual("reconnectMaxMs"))
    expect(usual("echoMinIntervalMs")).toBeLessThanOrEqual(usual("echoAfterIdleMs"))
  })
})
