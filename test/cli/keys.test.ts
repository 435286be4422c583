/** The key store on the command line: dual control, no clear key, every use in the audit log. */

import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { brokenAudit } from "../../src/cli/key-store.ts"
import { small } from "../config/settings.ts"
import { pointsman, pointsmanProcess, root } from "./process.ts"

const home = "file: k.json, auditFile: logs/k.jsonl, masterKey: { file: m.hex }"

let folder = ""
let config = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pointsman-keys-"))
  config = join(folder, "a.yaml")
  const store = `keyStore: { ${home}, test: true }\n`
  writeFileSync(config, `${small}${store}`)
  writeFileSync(join(folder, "terminals.csv"), "terminal,merchant\nT1,M1\n")
  copyFileSync(join(root, "config", "keys.test.json"), join(folder, "k.json"))
  copyFileSync(join(root, "config", "test-master-key.hex"), join(folder, "m.hex"))
})
afterAll(() => rmSync(folder, { recursive: true }))

const keys = (words: string, answers: ReadonlyArray<string> = []) =>
  pointsman(["keys", ...words.split(" "), "--config", config], answers.join("\n"))
const names = async () => {
  const { out } = await keys("list --format json")
  return (JSON.parse(out) as ReadonlyArray<{ name: string }>).map(({ name }) => name)
}
const both = "--officers ada,ben"

describe("keys", () => {
  it("lists and checks without officers, and shows check values only", async () => {
    expect(await names()).toContain("tmk-demo")
    const { exit, out } = await keys("check tmk-demo")
    expect(exit).toBe(0)
    expect(out).toMatch(/checkValue +[0-9A-F]{6,}/)
    const wrong = await keys("check tmk-demo --check-value 000000")
    expect([wrong.exit, wrong.talk]).toEqual([1, expect.stringContaining("check-value-wrong")])
    expect((await keys("check nobody")).talk).toContain("key-unknown")
  })

  it("makes, replaces and gives away a key when two officers agree", async () => {
    const made = await keys(`generate tmk-new --kind terminal-master ${both}`, ["ada", "ben"])
    expect(made.exit).toBe(0)
    expect(await names()).toContain("tmk-new")
    const rotated = await keys(`rotate tmk-new ${both}`, ["ada", "ben"])
    expect(rotated.out).toMatch(/version +2/)
    await keys(`generate zpk --kind block-protection ${both}`, ["ada", "ben"])
    const { exit, out } = await keys(`export tmk-new --under zpk ${both}`, ["ada", "ben"])
    expect([exit, out]).toEqual([0, expect.stringMatching(/^[BD]\d{4}K0TB/)])
  })

  it("takes a key out of a peer's block under a key that came on two papers", async () => {
    // TR-31 of version B, published by openemv/tr31; the protection key in two parts.
    const [one, two] = ["DD7515F2BFC17F850000000000000000", "0000000000000000CE48F3CA25CB21F6"]
    const shared = `import zone-peer --kind block-protection-tdes ${both}`
    await keys(shared, ["ada", "ben", one!, "yes", two!, "yes"])
    const block = "B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A248E"
    writeFileSync(join(folder, "peer.block"), `${block}\n`)
    const from = `--under zone-peer --from ${join(folder, "peer.block")} ${both}`
    const { exit, out, talk } = await keys(
      `import zpk-peer --kind pin --check-value 57C409 ${from}`,
      ["ada", "ben"]
    )
    expect([exit, out]).toEqual([0, expect.stringMatching(/checkValue +57C409/)])
    expect(`${out}${talk}`).not.toMatch(/3F419E1CB7079442|94B420079CC80BA3/i)
    const { exit: refused, talk: why } = await keys(`import other --kind mac ${from}`, [
      "ada",
      "ben"
    ])
    expect([refused, why]).toEqual([
      1,
      expect.stringContaining("other under zone-peer: the key block")
    ])
    expect(why).toContain("(block-usage)")
    const half = await keys(`import other --kind pin --under zone-peer ${both}`)
    expect([half.exit, half.talk]).toEqual([2, expect.stringContaining("go together")])
    const nowhere = `--under zone-peer --from ${join(folder, "none.block")} ${both}`
    const none = await keys(`import other --kind pin ${nowhere}`)
    expect([none.exit, none.talk]).toEqual([3, expect.stringContaining("cannot be read")])
    expect(readFileSync(join(folder, "logs", "k.jsonl"), "utf8")).toContain(
      "\"under\":\"zone-peer\""
    )
  })

  it("changes nothing without the second officer", async () => {
    const before = readFileSync(join(folder, "k.json"), "utf8")
    const kind = "--kind mac"
    expect((await keys(`generate x ${kind} --officers ada`)).exit).toBe(2)
    expect((await keys(`generate x ${kind} --officers ada,ada`)).exit).toBe(2)
    const refused = await keys(`generate x ${kind} ${both}`, ["ada", "no"])
    expect([refused.exit, refused.talk]).toEqual([1, expect.stringContaining("ben did not agree")])
    expect(readFileSync(join(folder, "k.json"), "utf8")).toBe(before)
  })

  it("joins components that are typed, and repeats none of them", async () => {
    const one = "0123456789ABCDEFFEDCBA9876543210"
    const two = "1032547698BADCFEEFCDAB8967452301"
    const answers = ["ada", "ben", one, "yes", two, "yes"]
    const { exit, out, talk } = await keys(
      `import tmk-paper --kind terminal-master ${both}`,
      answers
    )
    expect(exit).toBe(0)
    expect(await names()).toContain("tmk-paper")
    expect(`${out}${talk}`).not.toMatch(new RegExp(`${one}|${two}`))
    const denied = await keys(`import other --kind terminal-master ${both}`, [
      "ada",
      "ben",
      one,
      "no"
    ])
    expect([denied.exit, denied.talk]).toEqual([1, expect.stringContaining("not confirmed")])
    const odd = await keys(`import other --kind terminal-master ${both}`, ["ada", "ben", "0x12"])
    expect(odd.talk).not.toContain("0x12")
  })

  it("refuses a joined key of even parity where the configuration demands odd", async () => {
    const strict = join(folder, "strict.yaml")
    const store = `keyStore: { ${home}, parity: require }\n`
    writeFileSync(strict, `${small}${store}`)
    const words = `keys import strict --kind mac ${both} --config ${strict}`.split(" ")
    const odd = "0123456789ABCDEFFEDCBA9876543210"
    const typed = (second: string) =>
      pointsman(words, ["ada", "ben", odd, "yes", second, "yes"].join("\n"))
    const refused = await typed("1032547698BADCFEEFCDAB8967452301")
    expect([refused.exit, refused.talk]).toEqual([1, expect.stringContaining("key-parity")])
    expect(await names()).not.toContain("strict")
    expect((await typed("1133557799BBDDFFEECCAA8866442200")).exit).toBe(0)
  })

  it("reads the officers' answers from a pipe, and ends when they end", async () => {
    const words = `generate piped --kind mac ${both} --config ${config}`.split(" ")
    const made = await pointsmanProcess(["keys", ...words], "ada\nben\n")
    expect(made.exit).toBe(0)
    const ended = await pointsmanProcess(["keys", ...words], "ada\n")
    expect(ended.exit).toBe(2)
    expect(ended.talk).toContain("standard input ended before it was answered")
  })

  it("keeps every use, refused ones too, in a log that shows when it was changed", () => {
    const text = readFileSync(join(folder, "logs", "k.jsonl"), "utf8")
    const entries = text.trimEnd().split("\n").map((line) =>
      JSON.parse(line) as { action: string; outcome: string; officers: ReadonlyArray<string> }
    )
    expect(entries.map(({ action }) => action)).toEqual(
      expect.arrayContaining(["list", "check", "generate", "rotate", "export", "import"])
    )
    expect(entries.some(({ outcome }) => outcome === "key-unknown")).toBe(true)
    // One officer, the same one twice, and one who did not agree; a component not confirmed.
    const refused = entries.filter(({ outcome }) => outcome === "dual-control")
    expect(refused.map(({ officers }) => officers.join(","))).toEqual(["ada", "ada,ada", "ada,ben"])
    expect(entries.filter(({ outcome }) => outcome === "components-wrong")).toHaveLength(2)
    expect(brokenAudit(text)).toBeUndefined()
    expect(brokenAudit(text.replace("\"ada\"", "\"eve\""))).toBeGreaterThan(0)
    expect(brokenAudit(`none,"hash":"${"0".repeat(64)}"}\n`)).toBe(1)
    expect(brokenAudit(text.split("\n").toSpliced(2, 1).join("\n"))).toBe(3)
  })

  it("says in it when a change was not written", async () => {
    // A folder in the place of the file that is to replace the store.
    mkdirSync(join(folder, "k.json.new"))
    const { exit } = await keys(`generate unwritten --kind mac ${both}`, ["ada", "ben"])
    rmdirSync(join(folder, "k.json.new"))
    expect(exit).toBe(3)
    expect(await names()).not.toContain("unwritten")
    const lines = readFileSync(join(folder, "logs", "k.jsonl"), "utf8").trimEnd().split("\n")
    const ends = lines.map((line) => JSON.parse(line) as { key: string; outcome: string })
      .filter(({ key }) => key === "unwritten").map(({ outcome }) => outcome)
    expect(ends).toEqual(["done", "store-unwritten"])
  })

  it("goes on after a line that was cut off, and says that there is one", async () => {
    const log = join(folder, "logs", "k.jsonl")
    const whole = readFileSync(log, "utf8")
    const lines = whole.trimEnd().split("\n").length
    expect((await keys("list")).talk).not.toContain("does not follow")
    writeFileSync(log, whole.slice(0, -40))
    const { exit, talk } = await keys("list")
    expect([exit, talk]).toEqual([0, expect.stringContaining(`line ${lines} does not follow`)])
    const after = readFileSync(log, "utf8").trimEnd().split("\n")
    expect(JSON.parse(after.at(-1)!)).toMatchObject({ action: "list", outcome: "done" })
    writeFileSync(log, whole)
  })

  it("refuses a grace that no calendar has", async () => {
    for (const hours of ["-1", "1e12"]) {
      const { exit, talk } = await keys(`rotate tmk-new --grace-hours=${hours} ${both}`, [
        "ada",
        "ben"
      ])
      expect([exit, talk]).toEqual([2, expect.stringContaining("--grace-hours")])
    }
  })

  it("moves the store to another master key, and opens under no other then", async () => {
    const next = "5A".repeat(32)
    const before = await names()
    writeFileSync(join(folder, "next.hex"), `${next}\n`)
    const to = `--to file:${join(folder, "next.hex")} ${both}`
    for (const [words, why] of [[`move ${both}`, "--to"], [`move --to ${next} ${both}`, "env:"]]) {
      const refused = await keys(words!)
      expect([refused.exit, refused.talk]).toEqual([2, expect.stringContaining(why!)])
    }
    const one = await keys(`move ${to}`, ["ada", "no"])
    expect([one.exit, await names()]).toEqual([1, before])
    const { exit, out, talk } = await keys(`move ${to}`, ["ada", "ben"])
    expect([exit, out]).toEqual([0, expect.stringMatching(/former-master/)])
    expect(talk).toMatch(/move the store to the master key with check value [0-9A-F]{10}/)
    expect(`${out}${talk}`).not.toContain(next)
    const early = await keys("list")
    expect([early.exit, early.talk]).toEqual([3, expect.stringContaining("master key")])
    copyFileSync(join(folder, "next.hex"), join(folder, "m.hex"))
    expect(await names()).toEqual([...before, "former-master"].toSorted())
    const again = await keys(`move ${to}`, ["ada", "ben"])
    expect([again.exit, again.talk]).toEqual([1, expect.stringContaining("store-master-same")])
    expect(readFileSync(join(folder, "logs", "k.jsonl"), "utf8")).not.toContain(next)
  })

  it("says what is wrong with a master key", async () => {
    writeFileSync(join(folder, "m.hex"), "00".repeat(32))
    const { exit, talk } = await keys("list")
    expect([exit, talk]).toEqual([3, expect.stringContaining("the master key is not the one")])
  })
})
