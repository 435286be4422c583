/**
 * The files under docs/operate/deploy, which no test can run here, against what they must agree
 * with: ports, paths, probes, users, the time that a drain may take.
 */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect } from "effect"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { parse, parseAllDocuments } from "yaml"
import { job } from "../../docs/monitoring/alerts.ts"
import { routes } from "../../src/admin/routes.ts"
import { parseArguments } from "../../src/cli/arguments.ts"
import { verbs } from "../../src/cli/verbs.ts"
import { loadConfig } from "../../src/config/load.ts"
import type { LoadedConfig } from "../../src/config/loaded.ts"
import { version } from "../../src/switch/version.ts"
import { faultsOf, small } from "../config/settings.ts"

const root = join(import.meta.dirname, "..", "..")
const folder = join(root, "docs", "operate", "deploy")
const read = (name: string) => readFileSync(join(folder, name), "utf8")
const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8")

const user = Number(/^USER (\d+):/m.exec(dockerfile)?.[1])
const home = /^WORKDIR (\S+)$/m.exec(dockerfile)?.[1] ?? ""
const volume = /^VOLUME (\S+)$/m.exec(dockerfile)?.[1] ?? ""

/** Terminals that are owed, what is in flight, rows that PostgreSQL lacks: one after the other. */
const drainStages = 3

type Json = Readonly<Record<string, unknown>>
/** A value deep in a document; the documents are ours, and what is not there fails the test. */
const at = (from: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce((value, key) => (value as Record<string | number, unknown> | undefined)?.[key], from)

/** As in the image: the site beside the configuration that comes along. */
const image = mkdtempSync(join(tmpdir(), "pointsman-deploy-"))
let loaded: LoadedConfig
let graceS: number

beforeAll(async () => {
  cpSync(join(root, "config"), join(image, "config"), { recursive: true })
  mkdirSync(join(image, "site"))
  cpSync(join(folder, "pointsman.yaml"), join(image, "site", "pointsman.yaml"))
  loaded = await Effect.runPromise(
    loadConfig(join(image, "site", "pointsman.yaml")).pipe(Effect.provide(NodeFileSystem.layer))
  )
  graceS = drainStages * loaded.config.timeouts.drainMs / 1000
})
afterAll(() => rmSync(image, { recursive: true }))

const ports = () => loaded.config.listeners.map(({ port }) => port)

/** The words after `node src/main.ts` are a verb and flags that it has. */
async function demandCommand([name = "", ...rest]: ReadonlyArray<string>): Promise<void> {
  const { verb } = await verbs[name as keyof typeof verbs]!.load()
  expect("actions" in verb).toBe(false)
  if (!("actions" in verb)) expect(() => parseArguments(verb, rest)).not.toThrow()
}

describe("the configuration of the containers", () => {
  it("is one that the switch takes, and keeps what changes in the volume", () => {
    const { journal, keyStore } = loaded.config
    expect(journal.path.replace(image, home)).toBe(`${volume}/journal`)
    expect(dirname(keyStore.auditFile).replace(image, home)).toBe(volume)
    expect(existsSync(keyStore.file)).toBe(true)
  })
})

describe("the systemd unit", () => {
  const unit = new Map(
    read("pointsman.service").split("\n").filter((line) => /^[A-Z]\w+=/.test(line))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)])
  )
  const state = `/var/lib/${unit.get("StateDirectory")}`
  const [, snippet = ""] = /## systemd.*?```yaml\n(.*?)```/s.exec(
    readFileSync(join(root, "docs/operate/deploy.md"), "utf8")
  ) ?? []

  it("starts what is there", async () => {
    const [node = "", main = "", ...words] = unit.get("ExecStart")!.split(" ")
    const installed = unit.get("WorkingDirectory")!
    expect(existsSync(join(root, node.replace(`${installed}/`, "")))).toBe(true)
    expect(existsSync(join(root, main))).toBe(true)
    await demandCommand(words)
  })

  it("gives a drain its time, and the signal to the switch alone", () => {
    expect(Number(unit.get("TimeoutStopSec"))).toBeGreaterThan(graceS)
    expect(unit.get("KillMode")).toBe("mixed")
    expect(unit.get("ExecReload")).toContain("-HUP")
    expect(unit.get("LimitCORE")).toBe("0")
  })

  it("lets the switch write where the document has it write, and nowhere else", () => {
    expect(faultsOf(small + snippet)).toEqual([])
    const { journal, keyStore, ledger } = parse(snippet) as Readonly<Record<string, Json>>
    for (const path of [journal!["path"], ledger!["dataPath"], keyStore!["auditFile"]]) {
      expect(path).toMatch(new RegExp(`^${state}/`))
    }
    const [credential] = unit.get("LoadCredential")!.split(":")
    expect(at(keyStore, "masterKey", "file"))
      .toBe(`/run/credentials/pointsman.service/${credential}`)
    expect(unit.get("ProtectSystem")).toBe("strict")
  })
})

describe("the compose file", () => {
  const { services, volumes } = parse(read("compose.yml")) as Readonly<
    Record<"services" | "volumes", Readonly<Record<string, Json>>>
  >
  const { acquirer, prometheus } = services
  const ours = services["switch"]!

  it("starts verbs that are there, as the image's user, on a root that is read only", async () => {
    for (const service of [ours, acquirer!]) {
      await demandCommand(service["command"] as ReadonlyArray<string>)
      expect(service).toMatchObject({ user: `${user}:${user}`, read_only: true, tmpfs: ["/tmp"] })
    }
    expect(at(ours, "build")).toBe("../../..")
    expect(existsSync(join(folder, "../../..", "Dockerfile"))).toBe(true)
  })

  it("publishes the listeners, and the admin listener on loopback alone", () => {
    const published = ports().toSorted().map((port) => `${port}:${port}`)
    const { port } = loaded.config.admin
    expect(ours["ports"]).toEqual([...published, `127.0.0.1:${port}:${port}`])
    const [link] = loaded.config.upstreams[0]!.links
    expect(services).toHaveProperty(link!.host)
    expect(at(prometheus, "ports")).toBeUndefined()
  })

  it("keeps the journal in a volume, and mounts files that are there", () => {
    expect(ours["volumes"]).toContain(`data:${volume}`)
    for (const service of Object.values(services)) {
      for (const mount of (service["volumes"] ?? []) as ReadonlyArray<string>) {
        const [source = ""] = mount.split(":")
        if (source.startsWith(".")) expect(existsSync(join(folder, source)), source).toBe(true)
        else expect(volumes).toHaveProperty(source)
      }
    }
  })

  it("asks for health as the image does, and waits for a drain", async () => {
    const [, node, main, ...words] = at(ours, "healthcheck", "test") as ReadonlyArray<string>
    expect(dockerfile).toContain(`CMD ["${[node, main, ...words].join("\", \"")}"]`)
    await demandCommand(words)
    expect(words).toContain("--alive")
    expect(parseInt(ours["stop_grace_period"] as string)).toBeGreaterThan(graceS)
    const [, timeout] = /--stop-timeout (\d+)/.exec(dockerfile)!
    expect(Number(timeout)).toBeGreaterThan(graceS)
  })

  it("has Prometheus ask the admin listener under the name that the alerts have", () => {
    const [scraped] = at(parse(read("prometheus.yml")), "scrape_configs") as ReadonlyArray<Json>
    expect(scraped!["job_name"]).toBe(job)
    const targets = at(scraped, "static_configs", 0, "targets")
    expect(targets).toEqual([`switch:${loaded.config.admin.port}`])
  })
})

describe("the StatefulSet", () => {
  const documents = parseAllDocuments(read("statefulset.yaml")).map((each) => each.toJS() as Json)
  const kinds = (kind: string) => documents.filter((each) => each["kind"] === kind)
  const [set] = kinds("StatefulSet")
  const pod = at(set, "spec", "template", "spec")
  const container = at(pod, "containers", 0)
  const named = new Map(
    (at(container, "ports") as ReadonlyArray<{ name: string; containerPort: number }>)
      .map(({ containerPort, name }) => [name, containerPort])
  )

  it("is one node with one volume, where the image keeps it", () => {
    expect(at(set, "spec", "replicas")).toBe(1)
    const [claim] = at(set, "spec", "volumeClaimTemplates") as ReadonlyArray<Json>
    const mounts = at(container, "volumeMounts") as ReadonlyArray<Json>
    expect(mounts).toContainEqual({ name: at(claim, "metadata", "name"), mountPath: volume })
    const known = [claim, ...at(pod, "volumes") as ReadonlyArray<Json>]
      .map((each) => at(each, "name") ?? at(each, "metadata", "name"))
    expect(mounts.map((each) => each["name"]).toSorted()).toEqual(known.toSorted())
    expect(at(set, "spec", "serviceName")).toBe(at(kinds("Service")[0], "metadata", "name"))
  })

  it("probes what the switch answers", () => {
    const probe = (name: string) => at(container, `${name}Probe`, "httpGet") as Json
    expect(probe("startup")).toEqual({ path: "/livez", port: "admin" })
    expect(probe("liveness")).toEqual({ path: "/livez", port: "admin" })
    expect(probe("readiness")).toEqual({ path: "/readyz", port: "admin" })
    const paths = routes.filter(({ method }) => method === "GET").map(({ path }) => path)
    expect(paths).toEqual(expect.arrayContaining(["/livez", "/readyz"]))
  })

  it("has the ports of the configuration, in the pod and in both services", () => {
    const { admin, listeners } = loaded.config
    const expected = [...listeners.map(({ name, port }) => [name, port]), ["admin", admin.port]]
    expect([...named]).toEqual(expected)
    const served = kinds("Service").flatMap((each) =>
      at(each, "spec", "ports") as ReadonlyArray<Json>
    )
    expect(served).toHaveLength(named.size)
    for (const { port, targetPort } of served) expect(named.get(String(targetPort))).toBe(port)
    const allowed = at(kinds("NetworkPolicy")[0], "spec", "ingress") as ReadonlyArray<Json>
    const open = allowed.filter(({ from }) => from === undefined).flatMap(({ ports: of }) => of)
    expect(open).toEqual(listeners.map(({ name }) => ({ port: name })))
  })

  it("gives a drain its time, after the balancers have heard", () => {
    const [, wait] = at(container, "lifecycle", "preStop", "exec", "command") as Array<string>
    const grace = at(pod, "terminationGracePeriodSeconds")
    expect(grace).toBeGreaterThan(graceS + Number(wait))
  })

  it("runs as the image's user and may do nothing", async () => {
    expect(at(pod, "securityContext")).toMatchObject({
      runAsNonRoot: true,
      runAsUser: user,
      runAsGroup: user,
      fsGroup: user
    })
    expect(at(container, "securityContext")).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] }
    })
    expect(at(container, "image")).toBe(`pointsman:${version}`)
    await demandCommand(at(container, "args") as ReadonlyArray<string>)
  })
})
