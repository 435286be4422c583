/** Links over TLS in a running switch: to the acquirer that was meant, and to no other. */

import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { eventually, RunningSwitch } from "./running.ts"

const running = new RunningSwitch()
const file = (name: string) => join(running.folder, "config", name)

interface Upstream {
  readonly name: string
  readonly links: ReadonlyArray<{ readonly state: string; readonly reason?: string }>
}

const upstream = async (name: string): Promise<Upstream> => {
  const { out } = await running.ask("upstreams", "list", "--format", "json")
  return (JSON.parse(out) as ReadonlyArray<Upstream>).find((each) => each.name === name)!
}

beforeAll(async () => {
  const trusted = "authorityFile: test-authority.pem, serverName"
  const ours = "certificateFile: test-tls.pem, keyFile: test-tls.key"
  await running.prepare((yaml) =>
    yaml
      .replace("name: unionpay\n", `name: unionpay\n    tls: { ${trusted}: localhost, ${ours} }\n`)
      .replace("name: acquirer\n", `name: acquirer\n    tls: { ${trusted}: bank.example }\n`)
  )
  const tls = ["--certificate", file("test-tls.pem"), "--key", file("test-tls.key")]
  running.start("acquirer", "--upstream", "acquirer", ...tls)
  running.start(
    "acquirer",
    "--upstream",
    "unionpay",
    ...tls,
    "--clients",
    file("test-authority.pem")
  )
  running.start("start")
  await running.isReady()
}, 90_000)
afterAll(() => running.stop(), 60_000)

it("carries sales to the one whose certificate has the right name and authority", async () => {
  const words = "terminals --count 10 --questions 5 --rate 100 --mac"
  const { exit, out } = await running.verb(...words.split(" "))
  const sum = JSON.parse(out.trim().split("\n").at(-1)!) as Record<string, number>
  expect([exit, sum["left"], sum["approved"]]).toEqual([0, 0, 50])
  expect((await upstream("unionpay")).links).toMatchObject([{ state: "up" }])
}, 60_000)

it("never comes up to one with another name, and nothing is sent there", async () => {
  await eventually(
    () => /"upstream":"acquirer".*"reason":"certificate-refused"/.test(running.log()),
    "the log names why"
  )
  const { links } = await upstream("acquirer")
  expect(links.map(({ state }) => state)).not.toContain("up")
  expect(running.log("acquirer")).not.toContain("\"requests\":1")
}, 60_000)
