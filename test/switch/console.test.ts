/** The console as a browser gets it, and the lab behind it. */

import { expect, it } from "vitest"
import { answerTo } from "../../src/admin/admin-server.ts"
import { consoleFiles } from "../../src/console/console.ts"
import type { HttpRequest, HttpResponse } from "../../src/domain/ports/http.ts"
import { readInLab } from "../../src/switch/message-lab.ts"
import { makeFaces } from "../admin/faces.ts"
import { RunningSwitch } from "./running.ts"

const ask = (method: string, path: string, body = ""): HttpResponse => {
  const headers = new Map([["host", "localhost"], ["content-type", "application/json"]])
  const request: HttpRequest = {
    method,
    path,
    headers,
    body: Buffer.from(body),
    remote: "127.0.0.1:1"
  }
  return answerTo(makeFaces().faces, "127.0.0.1", request) as HttpResponse
}

it("is three files that ask nobody else, and that the browser holds to it", () => {
  for (
    const [path, type] of [["/", "html"], ["/console.css", "css"], ["/console.js", "javascript"]]
  ) {
    const { body, headers, status } = ask("GET", path!)
    expect(status).toBe(200)
    expect(headers.get("content-type")).toContain(type)
    expect(headers.get("content-security-policy")).toContain("default-src 'none'")
    expect(Buffer.from(body).toString()).not.toMatch(/https?:\/\/|innerHTML|eval\(/)
  }
})

it("asks only for paths that the API has", () => {
  const script = Buffer.from(consoleFiles.get("/console.js")!.body).toString()
  const asked = [...script.matchAll(/["`](\/(?:api|healthz)[a-z/]*)/g)].map(([, path]) => path!)
  expect(asked.length).toBeGreaterThan(8)
  for (const path of asked) {
    const tries = [path, `${path}x/close`, `${path}x/breaker`, `${path}x/resolve`].flatMap((
      each
    ) => [ask("GET", each), ask("POST", each, "{}")])
    expect(tries.some(({ status }) => status !== 404), path).toBe(true)
  }
})

it("the lab reads a framed message, masks it, and refuses what is no hex", async () => {
  const running = new RunningSwitch()
  await running.prepare()
  const loaded = await running.loaded()
  const dialect = loaded.dialects.get("iso87-ascii")!
  const body = dialect.build("0200", {
    2: "4111111111111111",
    3: "000000",
    4: "000000000100",
    7: "1126120000",
    11: "000001",
    41: "T0000001"
  })
  const framing = loaded.framings.get("length2")!
  const frame = framing.encode(framing.requestHeader(), body)!
  const read = readInLab(loaded, Buffer.from(frame).toString("hex"))
  expect(read).toMatchObject({ dialect: "iso87-ascii", framing: "length2" })
  expect(JSON.stringify(read)).toContain("411111******1111")
  expect(JSON.stringify(read)).not.toContain("4111111111111111")
  for (const bad of ["", "xyz", "123", "00".repeat(8193)]) {
    expect(readInLab(loaded, bad)).toBe(undefined)
  }
  expect(ask("POST", "/api/lab/decode", "{\"hex\":\"zz\"}").status).toBe(400)
  await running.stop()
})
