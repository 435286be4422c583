/** The key commands: what they do to a store, who must be there, and that no clear key comes out. */

import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { unwrapKeyBlock, type UnwrappedKey, wrapKeyBlock } from "../../src/security/key-block.ts"
import {
  checkKey,
  componentCheckValue,
  exportBlock,
  generateKey,
  importBlock,
  importComponents,
  type KeyChange,
  type KeyCommandContext,
  listKeys,
  rotateKey
} from "../../src/security/key-commands.ts"
import { type KeyKindName, keyKinds } from "../../src/security/key-kind.ts"
import { emptyKeyStore, type KeyStore, openKeyStore } from "../../src/security/key-store.ts"
import { fault } from "../../src/security/security-fault.ts"
import { randomFrom } from "./seeded-random.ts"

const hex = (text: string) => Buffer.from(text, "hex")
const master = Buffer.alloc(32, 0x2b)
const empty = emptyKeyStore(master) as KeyStore

function context(officers = ["ann", "bo"], wallMs = 1000): KeyCommandContext {
  return { officers, wallMs, random: randomFrom(wallMs + officers.length) }
}

function generated(store: KeyStore, name: string, kind: KeyKindName): KeyChange {
  const { result } = generateKey(store, name, kind, context())
  return result as KeyChange
}

function clearKey(store: KeyStore, name: string): Buffer {
  return (store.unwrap(store.current(name)!) as UnwrappedKey).key
}

describe("generate", () => {
  it.each(Object.keys(keyKinds) as Array<KeyKindName>)("makes a %s key", (kind) => {
    const { audit, result } = generateKey(empty, "one", kind, context())
    const { store, key } = result as KeyChange
    expect(clearKey(store, "one")).toHaveLength(keyKinds[kind].length)
    expect(store.unwrap(key)).toMatchObject({ attributes: keyKinds[kind].attributes })
    expect(audit).toEqual({
      action: "generate",
      atMs: 1000,
      officers: ["ann", "bo"],
      key: "one",
      version: 1,
      checkValue: key.checkValue,
      outcome: "done"
    })
    expect(openKeyStore(Buffer.from(store.serialise()), master)).toMatchObject({ keys: [key] })
  })

  it.each([[["ann"]], [["ann", "Ann "]], [["ann", ""]], [[]]])(
    "needs two officers, and %j are not",
    (officers) => {
      const { audit, result } = generateKey(empty, "one", "mac", context(officers))
      expect(result).toBe(fault("dual-control"))
      expect(audit).toMatchObject({ outcome: "dual-control", key: "one" })
    }
  )

  it("refuses a name that exists or is none", () => {
    const { store } = generated(empty, "one", "mac")
    expect(generateKey(store, "one", "mac", context()).result).toBe(fault("key-exists"))
    expect(generateKey(store, "no name", "mac", context()).result).toBe(fault("key-name"))
  })
})

describe("import", () => {
  // X9.24-1's base key in two parts, check value 08D7B4.
  const components = [
    hex("FFFFFFFFFFFFFFFF0000000000000000"),
    hex("FEDCBA9876543210FEDCBA9876543210")
  ]
  const given = { components, parity: "ignore" } as const
  const bring = (more: object, officers?: Array<string>, kind: KeyKindName = "terminal-master") =>
    importComponents(empty, "tmk-a", kind, { ...given, ...more }, context(officers))

  it("joins components and compares the check value", () => {
    const { audit, result } = bring({ checkValue: "08d7b4" })
    const { store } = result as KeyChange
    expect(clearKey(store, "tmk-a").toString("hex").toUpperCase())
      .toBe("0123456789ABCDEFFEDCBA9876543210")
    expect(audit).toMatchObject({ action: "import", outcome: "done", checkValue: "08D7B4" })
    expect(componentCheckValue("terminal-master", hex("0123456789ABCDEFFEDCBA9876543210")))
      .toBe("08D7B4")
    expect(componentCheckValue("terminal-master", hex("01"))).toBe(fault("key-length"))
  })

  it.each(["08D7", "08D7B4", "08D7B4FB", "08D7B4FB629D0885"])(
    "takes the check value %s, as long as its paper has it",
    (checkValue) => {
      const { store } = bring({ checkValue }).result as KeyChange
      expect(store.current("tmk-a")).toMatchObject({ checkValue: "08D7B4" })
      expect(checkKey(store, "tmk-a", checkValue, context()).audit.outcome).toBe("done")
      const wrong = `${checkValue.slice(0, -1)}0`
      expect(bring({ checkValue: wrong }).result).toBe(fault("check-value-wrong"))
    }
  )

  it("is refused when something is wrong", () => {
    expect(bring({ checkValue: "08D7B4FB629D088500" }).result).toBe(fault("check-value-wrong"))
    expect(bring({ checkValue: "000000" }).result).toBe(fault("check-value-wrong"))
    expect(bring({ checkValue: "08" }).result).toBe(fault("check-value-wrong"))
    expect(bring({}, ["ann", "bo", "cy"]).result).toBe(fault("components-wrong"))
    expect(bring({}, ["ann"]).result).toBe(fault("dual-control"))
    expect(bring({ components: [components[0], hex("00")] }).result)
      .toBe(fault("components-wrong"))
    expect(bring({}, undefined, "mac-single").result).toBe(fault("key-length"))
    const even = { components: [Buffer.alloc(16), Buffer.alloc(16)], parity: "require" as const }
    expect(bring(even).result).toBe(fault("key-parity"))
  })

  it("adjusts parity where the policy says so", () => {
    const even = { components: [Buffer.alloc(16), Buffer.alloc(16, 2)], parity: "adjust" as const }
    const { store } = bring(even).result as KeyChange
    expect(clearKey(store, "tmk-a")).toEqual(Buffer.alloc(16, 2))
    const { store: adjusted } = bring({
      ...even,
      components: [Buffer.alloc(16), Buffer.alloc(16, 3)]
    })
      .result as KeyChange
    expect(clearKey(adjusted, "tmk-a")).toEqual(Buffer.alloc(16, 2))
  })
})

describe("export", () => {
  const withKeys = () => {
    const first = generated(empty, "mac-1", "mac").store
    const second = generated(first, "kek", "block-protection").store
    return generated(second, "zmk", "zone-master").store
  }

  it.each([["kek", "D"], ["zmk", "B"]])(
    "under %s gives a block of version %s",
    (under, version) => {
      const store = withKeys()
      const { audit, result } = exportBlock(store, "mac-1", under, context())
      expect(String(result)[0]).toBe(version)
      const opened = unwrapKeyBlock(clearKey(store, under), result as string) as UnwrappedKey
      expect(opened.key).toEqual(clearKey(store, "mac-1"))
      expect(audit).toMatchObject({ action: "export", key: "mac-1", outcome: "done" })
    }
  )

  it("is refused under a key that is weaker, or made for another cipher", () => {
    const made = (["pin-aes", "mac-hmac", "terminal-master-sm4"] as const).reduce(
      (store, kind) => generated(store, kind, kind).store,
      withKeys()
    )
    for (const name of ["pin-aes", "mac-hmac", "terminal-master-sm4"]) {
      expect(exportBlock(made, name, "zmk", context()).result)
        .toBe(fault("block-protection-key"))
      expect(String(exportBlock(made, name, "kek", context()).result)[0]).toBe("D")
    }
    expect(exportBlock(made, "mac-1", "terminal-master-sm4", context()).result)
      .toBe(fault("key-usage"))
  })

  it("is refused for keys that may not leave, to keys that protect none, and by one alone", () => {
    const store = generated(withKeys(), "vault", "vault-data").store
    expect(exportBlock(store, "vault", "kek", context()).result).toBe(fault("key-usage"))
    expect(exportBlock(store, "mac-1", "mac-1", context()).result).toBe(fault("key-usage"))
    expect(exportBlock(store, "mac-1", "none", context()).result).toBe(fault("key-unknown"))
    expect(exportBlock(store, "none", "kek", context()).result).toBe(fault("key-unknown"))
    expect(exportBlock(store, "mac-1", "kek", context(["ann"])).result)
      .toBe(fault("dual-control"))
  })
})

describe("import of a peer's block", () => {
  // Published: openemv/tr31 (A, B, D), TR-31:2018 A.7.3.1 (C, a base key with its serial number).
  const published = [
    [
      "A",
      "zone-master",
      "89E88CF7931444F334BD7547FC3F380C",
      "A0072P0TE00E0000F5161ED902807AF26F1D62263644BD24192FDB3193C730301CEE8701",
      "pin",
      "F039121BEC83D26B169BDCD5B22AAF8F",
      "CB9DEA"
    ],
    [
      "B",
      "block-protection-tdes",
      "DD7515F2BFC17F85CE48F3CA25CB21F6",
      "B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A248E",
      "pin",
      "3F419E1CB7079442AA37474C2EFBF8B8",
      "57C409"
    ],
    [
      "C",
      "block-protection-tdes",
      "B8ED59E0A279A295E9F5ED7944FD06B9",
      "C0096B0TX12S0100KS1800604B120F9292800000BFB9B689CB567E66FC3FEE5AD5F52161FC6545B9D609890"
      + "15D02155C",
      "dukpt-base",
      "EDB380DD340BC2620247D445F5B8D678",
      "F4B08D"
    ],
    [
      "D",
      "block-protection",
      "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6",
      "D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A2"
      + "7E8E31DA05F7425509593D03A457DC34",
      "pin-aes",
      "3F419E1CB7079442AA37474C2EFBF8B8",
      "08793E"
    ]
  ] as const

  /** A store with the protection key, which came as components. */
  function sharing(kind: KeyKindName, clear: string): KeyStore {
    const one = hex(clear)
    const components = [one, Buffer.alloc(one.length)]
    const given = { components, parity: "ignore" } as const
    return (importComponents(empty, "peer", kind, given, context()).result as KeyChange).store
  }

  const bring = (store: KeyStore, kind: KeyKindName, block: string, more: object = {}) =>
    importBlock(
      store,
      "theirs",
      kind,
      { block, under: "peer", parity: "ignore", ...more },
      context()
    )

  it.each(published)(
    "of version %s, under a %s of components",
    (_, protection, clear, block, kind, key, checkValue) => {
      const { audit, result } = bring(sharing(protection, clear), kind, block, { checkValue })
      const { store, key: stored } = result as KeyChange
      expect(clearKey(store, "theirs").toString("hex").toUpperCase()).toBe(key)
      const { attributes } = store.unwrap(stored) as UnwrappedKey
      // As narrow as the peer made it: this PIN key enciphers and does nothing else.
      expect(block.slice(5, 12)).toBe(
        attributes.usage + attributes.algorithm + attributes.mode + attributes.keyVersion
          + attributes.exportability
      )
      expect(audit).toMatchObject({ action: "import", key: "theirs", under: "peer", version: 1 })
      expect(audit.outcome).toBe("done")
    }
  )

  it("is refused under another protection key, or one that protects none", () => {
    const [, , , block] = published[1]
    const other = sharing("zone-master", "00112233445566778899AABBCCDDEEFF")
    expect(bring(other, "pin", block).result).toBe(fault("block-forged"))
    const aes = sharing("block-protection", "00".repeat(32))
    expect(bring(aes, "pin", block).result).toBe(fault("block-protection-key"))
    const mac = sharing("mac", "DD7515F2BFC17F85CE48F3CA25CB21F6")
    expect(bring(mac, "pin", block).result).toBe(fault("key-usage"))
    const { audit, result } = bring(empty, "pin", block)
    expect(result).toBe(fault("key-unknown"))
    expect(audit).toMatchObject({ key: "theirs", under: "peer", outcome: "key-unknown" })
  })

  it("is refused as a key for something else", () => {
    const [, protection, clear, block] = published[1]
    const store = sharing(protection, clear)
    for (const kind of ["mac", "zone-master", "pin-aes", "track"] as const) {
      expect(bring(store, kind, block).result).toBe(fault("block-usage"))
    }
    // What a peer gives us to verify with may not make a MAC, and one to derive is no PIN key.
    const kek = clearKey(store, "peer")
    const ofMode = (usage: string, mode: string) =>
      wrapKeyBlock(
        kek,
        "B",
        {
          usage,
          algorithm: "T",
          mode,
          keyVersion: "00",
          exportability: "N"
        },
        Buffer.alloc(16, 7),
        randomFrom(1)
      ) as string
    expect(bring(store, "pin", ofMode("P0", "X")).result).toBe(fault("block-usage"))
    expect(bring(store, "mac", ofMode("M3", "E")).result).toBe(fault("block-usage"))
    const verifies = bring(store, "mac", ofMode("M3", "V")).result as KeyChange
    expect(listKeys(verifies.store, context()).result).toContainEqual(
      expect.objectContaining({ name: "theirs", mode: "V", exportability: "N" })
    )
    const any = bring(store, "pin", ofMode("P0", "N")).result as KeyChange
    expect(any.store.unwrap(any.key)).toMatchObject({ attributes: { mode: "B" } })
  })

  it("is refused when the key is longer than what protects it, or not DES under triple DES", () => {
    const store = sharing("zone-master", "00112233445566778899AABBCCDDEEFF")
    const kek = clearKey(store, "peer")
    const blockOf = (algorithm: string, length: number) =>
      wrapKeyBlock(
        kek,
        "B",
        {
          usage: "P0",
          algorithm,
          mode: "B",
          keyVersion: "00",
          exportability: "S"
        },
        Buffer.alloc(length, 7),
        randomFrom(1)
      ) as string
    for (
      const [kind, block] of [
        ["pin", blockOf("T", 24)],
        ["pin-aes", blockOf("A", 16)]
      ] as const
    ) expect(bring(store, kind, block).result).toBe(fault("block-protection-key"))
  })

  it("is refused for its length, parity, check value or name, and to one alone", () => {
    const [, protection, clear, block] = published[0]
    const store = sharing(protection, clear)
    const given = { block, under: "peer", parity: "ignore" } as const
    expect(bring(store, "pin", block, { checkValue: "000000" }).result)
      .toBe(fault("check-value-wrong"))
    expect(bring(store, "pin", block, { parity: "require" }).result).toBe(fault("key-parity"))
    expect(bring(store, "pin", block.slice(0, -2)).result).toBe(fault("block-length"))
    expect(bring(store, "pin", `${block.slice(0, -1)}0`).result).toBe(fault("block-forged"))
    expect(bring(store, "pin", "Z").result).toBe(fault("block-length"))
    const named = (name: string, officers?: Array<string>) =>
      importBlock(store, name, "pin", given, context(officers)).result
    expect(named("no name")).toBe(fault("key-name"))
    expect(named("peer")).toBe(fault("key-exists"))
    expect(named("theirs", ["ann"])).toBe(fault("dual-control"))
  })
})

describe("rotate", () => {
  it("makes a new version and keeps the old one for its grace", () => {
    const first = generated(empty, "mac-1", "mac").store
    const { audit, result } = rotateKey(first, "mac-1", 500, context(undefined, 2000))
    const { store, key } = result as KeyChange
    expect(audit).toMatchObject({ action: "rotate", version: 2, checkValue: key.checkValue })
    expect(clearKey(store, "mac-1")).not.toEqual(clearKey(first, "mac-1"))
    expect(store.versions("mac-1")).toEqual([
      key,
      { ...first.current("mac-1"), usableUntilMs: 2500 }
    ])
  })

  it("drops what is out of its grace, but no data key", () => {
    for (const [kind, kept] of [["mac", [3, 2]], ["vault-data", [3, 2, 1]]] as const) {
      let { store } = generated(empty, "one", kind)
      for (const wallMs of [2000, 3000]) {
        store = (rotateKey(store, "one", 500, context(undefined, wallMs)).result as KeyChange).store
      }
      expect(store.versions("one").map(({ version }) => version)).toEqual(kept)
    }
  })

  it("is refused for a key that is not there, and by one alone", () => {
    expect(rotateKey(empty, "none", 0, context()).result).toBe(fault("key-unknown"))
    expect(rotateKey(empty, "none", 0, context(["ann"])).result).toBe(fault("dual-control"))
  })
})

describe("check and list", () => {
  it("compare check values, by one officer alone", () => {
    const { store, key } = generated(empty, "one", "mac")
    const alone = context(["ann"])
    expect(checkKey(store, "one", key.checkValue.toLowerCase(), alone).result).toBe(key)
    expect(checkKey(store, "one", undefined, alone).audit.outcome).toBe("done")
    expect(checkKey(store, "one", "000000", alone).result).toBe(fault("check-value-wrong"))
    expect(checkKey(store, "none", undefined, alone).result).toBe(fault("key-unknown"))
  })

  it("say what each version is and in which state", () => {
    const { store } = generated(empty, "one", "mac")
    const rotated =
      (rotateKey(store, "one", 500, context(undefined, 2000)).result as KeyChange).store
    const states = (wallMs: number) => {
      const { result } = listKeys(rotated, context(["ann"], wallMs))
      return (result as ReadonlyArray<{ state: string }>).map(({ state }) => state)
    }
    expect(states(2100)).toEqual(["current", "grace"])
    expect(states(9999)).toEqual(["current", "expired"])
    expect(listKeys(rotated, context(["ann"])).audit).toMatchObject({ action: "list", key: "" })
  })

  it("show no clear key, and neither does any other result", () => {
    const { store } = generated(generated(empty, "one", "mac").store, "kek", "block-protection")
    const clear = [master, clearKey(store, "one"), clearKey(store, "kek")]
      .map((key) => key.toString("hex").toUpperCase())
    const results = [
      listKeys(store, context()),
      checkKey(store, "one", undefined, context()),
      exportBlock(store, "one", "kek", context()),
      rotateKey(store, "one", 0, context()),
      generateKey(store, "one", "mac", context())
    ]
    const text = inspect(results, { depth: 20, maxStringLength: null }).toUpperCase()
    for (const key of clear) expect(text).not.toContain(key)
  })
})

describe("check values of AES keys", () => {
  const parts = [Buffer.from("FEDCBA9876543210F1F1F1F1F1F1F1F1", "hex"), Buffer.alloc(16)]
  const imported = (checkValue: string, aesForm?: "cmac" | "ecb") => {
    const given = { components: parts, checkValue, parity: "adjust" } as const
    const asked = { ...context(), ...(aesForm === undefined ? {} : { aesForm }) }
    return importComponents(empty, "bdk", "dukpt-base-aes", given, asked).result
  }

  it("are compared in the form that the configuration names, and kept in one", () => {
    expect(imported("FF0BD7C455")).toMatchObject({ key: { checkValue: "FF0BD7C455" } })
    expect(imported("ED6429", "ecb")).toMatchObject({ key: { checkValue: "FF0BD7C455" } })
    expect(imported("ED6429")).toBe(fault("check-value-wrong"))
    expect(imported("FF0BD7C455", "ecb")).toBe(fault("check-value-wrong"))
    const { store } = imported("ED6429", "ecb") as KeyChange
    const ecb = { ...context(), aesForm: "ecb" } as const
    expect(checkKey(store, "bdk", "ED6429", ecb).result).toMatchObject({ name: "bdk" })
    expect(checkKey(store, "bdk", "ED6429", context()).result).toBe(fault("check-value-wrong"))
  })

  it("are shown to officers in that form", () => {
    expect(componentCheckValue("dukpt-base-aes", parts[0]!, "ecb")).toBe("ED6429")
    expect(componentCheckValue("dukpt-base-aes", parts[0]!)).toBe("FF0BD7C455")
  })
})
