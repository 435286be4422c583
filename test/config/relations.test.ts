/** What must hold between keys: each relation broken once. */

import { describe, expect, it } from "vitest"
import { faultsOf, small } from "./settings.ts"

const acquirer = (more: string) => small.replace("links:", `${more}\n    links:`)
const listener = (more: string) => small.replace("port: 8583", `port: 8583, ${more}`)
const account = (scheme: string) =>
  `${small}public: { accounts: [{ name: shop, path: /n, merchantId: m, scheme: ${scheme} }] }\n`
const far = (link: string) => small.replace("{ port: 9001 }", link)
const module = (more: string) => `${small}keyStore: { hsm: { file: f, ${more} } }\n`
const shop = wallet(account("hmac, secret: { file: f }"), "account: shop\n    inquiry: {}")
const shopAt = (url: string) => shop.replace("http://127.0.0.1:1", url)
function wallet(text: string, more: string): string {
  const url = "kind: wallet\n    url: http://127.0.0.1:1"
  return text.replace("links: [{ port: 9001 }]", `${url}\n    ${more}`)
}

describe("relations", () => {
  const cases: ReadonlyArray<readonly [what: string, text: string, expected: RegExp]> = [
    [
      "an upstream more patient than its terminals",
      `${acquirer("timeoutMs: 25000")}timeouts: { terminalMs: 27000 }\n`,
      /:5: upstreams\[0\]\.timeoutMs: 25000 .* below timeouts\.terminalMs 27000/
    ],
    [
      "a slow call that could never be",
      acquirer("breaker: { slowMs: 25000 }"),
      /:5: upstreams\[0\]\.breaker\.slowMs: /
    ],
    [
      "a breaker that opens for longer than its longest",
      acquirer("breaker: { openMs: 5000, maxOpenMs: 4000 }"),
      /breaker\.openMs: 5000 is above breaker\.maxOpenMs 4000/
    ],
    [
      "advices that get faster",
      acquirer("advice: { firstMs: 5000, maxMs: 1000 }"),
      /advice\.firstMs: 5000 is above/
    ],
    [
      "an advice share without a place",
      acquirer("window: 2\n    adviceShare: 0.25"),
      /adviceShare: its share of window 2 leaves no place/
    ],
    [
      "TLS that is named and says nothing",
      acquirer("tls:"),
      /:5: upstreams\[0\]\.tls: empty: \{\} for its defaults, or leave the key out/
    ],
    [
      "a MAC key that is named and says nothing",
      acquirer("macKey: ~"),
      /upstreams\[0\]\.macKey: empty: expected .*, or leave the key out/
    ],
    [
      "PINs without a module to translate them in",
      acquirer("pin: { key: zpk }"),
      /upstreams\[0\]\.pin: PINs are translated in a security module/
    ],
    [
      "a PIN block format that nobody may use",
      acquirer("pin: { key: zpk, format: 2 }"),
      /pin\.format: expected a PIN block format: 0, 1, 3 or 4/
    ],
    ["an acquirer without a link", small.replace("[{ port: 9001 }]", "[]"), /one at least/],
    ["plain TCP in the open", listener("host: 0.0.0.0"), /:2: listeners\[0\]\.host: plain TCP/],
    [
      "a host that only looks like loopback",
      listener("host: 127.example.org"),
      /listeners\[0\]\.host: plain TCP/
    ],
    [
      "an acquirer that is dialled in clear",
      far("{ port: 9001 }, { host: 10.1.2.3, port: 9001 }"),
      /:5: upstreams\[0\]\.links\[1\]\.host: plain TCP to 10\.1\.2\.3: add tls, or say privateLine/
    ],
    [
      "an acquirer that is dialled in clear from behind a private network",
      `${far("{ host: bank.example.org, port: 1 }")}privateNetwork: true\n`,
      /links\[0\]\.host: plain TCP to bank\.example\.org/
    ],
    [
      "a wallet that is called in clear",
      shopAt("http://127.example.org/api"),
      /upstreams\[0\]\.url: plain HTTP to 127\.example\.org: name it with https, or say privateLine/
    ],
    [
      "a security module that is dialled in clear",
      module("links: [{}, { host: 10.1.2.9 }]"),
      /keyStore\.hsm\.links\[1\]\.host: plain TCP to 10\.1\.2\.9: .* privateLine: true/
    ],
    [
      "client certificates that nobody can judge",
      listener("tls: { keyFile: k, certificateFile: c, clientCertificate: required }"),
      /tls\.authorityFile: needed/
    ],
    ["an open admin listener", `${small}admin: { host: 0.0.0.0 }\n`, /:8: admin\.host: /],
    ["a port used twice", `${small}admin: { port: 8583 }\n`, /admin\.port: port 8583 is taken/],
    ["a mode that loses money", `${small}journal: { mode: relaxed }\n`, /say unsafe: true/],
    ["a route to nowhere", small.replace("[acquirer]", "[aquirer]"), /Did you mean acquirer\?/],
    ["a time zone nobody knows", `${small}timeZone: Europe/Atlantis\n`, /no such time zone/],
    [
      "a drain that loses answers",
      `${small}timeouts: { drainMs: 1000 }\n`,
      /answers would be lost/
    ],
    [
      "a drain that ends a moment before the slowest upstream",
      `${small}timeouts: { drainMs: 24999 }\n`,
      /timeouts\.drainMs: below the longest upstream timeout 25000/
    ],
    [
      "a buffer that one answer overflows",
      listener("maxFrameBytes: 8192, maxPendingBytes: 8191"),
      /maxPendingBytes: below maxFrameBytes/
    ],
    [
      "advices that are over before they are repeated",
      acquirer("advice: { maxMs: 3600000, expireAfterMs: 60000 }"),
      /advice\.maxMs: 3600000 is above advice\.expireAfterMs 60000/
    ],
    [
      "a port of one address that another has on all of them",
      `${listener("host: 0.0.0.0")}privateNetwork: true\nadmin: { port: 8583 }\n`,
      /admin\.port: port 8583 is taken by listeners\[0\]/
    ],
    [
      "a link to no port",
      small.replace("port: 9001", "port: 0"),
      /links\[0\]\.port: 0 is no port to connect to/
    ],
    ["a frame that outlives its session", listener("idleMs: 5000"), /frameMs: above idleMs/],
    [
      "more memory than there is",
      listener("maxSessions: 60000, maxPendingBytes: 1000000"),
      /sessions may hold \d+\.\d GiB together/
    ],
    [
      "a wallet without an account",
      wallet(small, "inquiry: {}"),
      /upstreams\[0\]\.account: missing/
    ],
    [
      "a certificate of ours without its key",
      acquirer("tls: { certificateFile: ours.pem }"),
      /upstreams\[0\]\.tls: our certificate and its key come together/
    ],
    [
      "a secret that anybody has, because there is none",
      account("hmac"),
      /public\.accounts\[0\]\.secret: missing: an account at hmac cannot be believed/
    ],
    [
      "a table of keys without one",
      account("unionpay, publicKeys: {}"),
      /public\.accounts\[0\]\.publicKeys: missing: an account at unionpay cannot be believed/
    ],
    [
      "two accounts whose notices arrive at one place",
      account("hmac, secret: { file: f }").replace(
        "}] }",
        "}, { name: other, path: /n, merchantId: n, scheme: hmac, secret: { file: g } }] }"
      ),
      /public\.accounts\[1\]\.path: \/n is the path of public\.accounts\[0\] already/
    ],
    [
      "two generic accounts whose payments could not be told apart",
      account("hmac, secret: { file: f }").replace(
        "}] }",
        "}, { name: other, path: /o, merchantId: m, scheme: hmac, secret: { file: g } }] }"
      ),
      /:8: public\.accounts\[1\]\.merchantId: shop and other are both m for generic wallets, /
    ],
    [
      "a wallet that nobody's signature can be made for",
      wallet(
        account("alipay, publicKeys: { a: { file: f } }, appId: a"),
        "account: shop\n    inquiry: {}"
      ),
      /public\.accounts\[0\]\.privateKey: missing: an account at alipay cannot be asked/
    ],
    [
      "a wallet that is never asked",
      wallet(account("hmac, secret: { file: f }"), "account: shop"),
      /upstreams\[0\]\.inquiry: missing/
    ],
    [
      "a wallet that is given up before it is asked",
      wallet(
        account("hmac, secret: { file: f }"),
        "account: shop\n    inquiry: { firstMs: 60000, giveUpMs: 1000 }"
      ),
      /upstreams\[0\]\.inquiry\.firstMs: 60000 is above inquiry\.giveUpMs 1000/
    ],
    [
      "a security module that is dialled ever faster",
      `${small}keyStore: { hsm: { file: f, links: [{}], reconnect: { firstMs: 9, maxMs: 9 } } }\n`
        .replace("firstMs: 9", "firstMs: 60000").replace("maxMs: 9", "maxMs: 100"),
      /keyStore\.hsm\.reconnect\.firstMs: 60000 is above reconnect\.maxMs 100/
    ],
    [
      "sessions that end before they are asked for an echo",
      `${small}sessions: { echoAfterIdleMs: 900000 }\n`,
      /listeners\[0\]\.idleMs: 900000 is not above sessions\.echoAfterIdleMs 900000/
    ],
    [
      "a balancer that is no address",
      listener("balancers: [abc]"),
      /listeners\[0\]\.balancers\[0\]: abc is no IP address/
    ],
    [
      "an admin listener that is nowhere",
      `${small}admin: { host: not an address }\n`,
      /admin\.host: not an address: expected an address or a host name/
    ],
    ["an acquirer with a URL", acquirer("url: http://127.0.0.1:1"), /url: only wallets/]
  ]
  for (const [what, text, expected] of cases) {
    it(`refuse ${what}`, () => {
      const faults = faultsOf(text)
      expect(faults).toHaveLength(1)
      expect(faults[0]).toMatch(expected)
    })
  }

  it("refuse two of one name", () => {
    const twice = small.replace("routes:", "  - { name: acquirer, links: [{ port: 2 }] }\nroutes:")
    expect(faultsOf(twice)).toEqual([
      "a.yaml:6: upstreams[1].name: acquirer is the name of upstreams[0] already"
    ])
  })

  it("allow what was said to be meant", () => {
    expect(faultsOf(`${listener("host: 0.0.0.0")}privateNetwork: true\n`)).toEqual([])
    expect(faultsOf(`${small}admin: { host: 0.0.0.0 }\nprivateNetwork: true\n`)).toEqual([])
    expect(faultsOf(`${small}timeouts: { drainMs: 25000 }\n`)).toEqual([])
    // The system chooses each.
    expect(faultsOf(`${small}admin: { port: 0 }\npublic: { port: 0 }\n`)).toEqual([])
    expect(faultsOf(`${small}journal: { mode: outcome, unsafe: true }\n`)).toEqual([])
    expect(faultsOf(listener("host: 0.0.0.0, tls: { keyFile: k, certificateFile: c }"))).toEqual([])
    // What is dialled in clear stays on this machine, or on a line that was said to be private.
    const away = far("{ host: 10.1.2.3, port: 1 }")
    expect(faultsOf(away.replace("links:", "privateLine: true\n    links:"))).toEqual([])
    expect(faultsOf(away.replace("links:", "tls: {}\n    links:"))).toEqual([])
    expect(faultsOf(far("{ host: '::1', port: 1 }"))).toEqual([])
    expect(faultsOf(shopAt("https://pay.example.org/api"))).toEqual([])
    expect(faultsOf(shopAt("http://[::1]:1/api"))).toEqual([])
    expect(faultsOf(shopAt("http://10.1.2.3\n    privateLine: true"))).toEqual([])
    expect(faultsOf(module("privateLine: true, links: [{ host: 10.1.2.9 }]"))).toEqual([])
    // Two applications at one scheme, which counts payments for all of them.
    const twoApps = account("alipay, publicKeys: { a: { file: f } }, appId: a").replace(
      "}] }",
      "}, { name: other, path: /o, merchantId: m, scheme: alipay, publicKeys: { a: { file: f } } }] }"
    )
    expect(faultsOf(twoApps)).toEqual([])
  })

  it("know no reusePort: several nodes on one port need an owner for each terminal", () => {
    expect(faultsOf(listener("reusePort: true"))[0]).toContain("reusePort")
  })
})
