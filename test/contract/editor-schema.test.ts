/**
 * The schema that editors check a configuration by, read by Effect's own reader of JSON Schema:
 * whatever the switch takes it must take, and what the shapes refuse it must refuse.
 */

import { JsonSchema, Result, Schema, SchemaRepresentation } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { documents } from "../../docs/generate.ts"
import { faultsOf, small } from "../config/settings.ts"

const root = join(import.meta.dirname, "..", "..")
const path = "docs/reference/pointsman.schema.json"
const shipped = [
  "config/pointsman.yaml",
  "config/world.yaml",
  "docs/operate/deploy/pointsman.yaml"
]

const made = JSON.parse((await documents()).get(path)!) as JsonSchema.JsonSchema
const schema = SchemaRepresentation.fromJsonSchemaDocument(
  JsonSchema.fromSchemaDraft07(made),
  { patterns: "apply" }
) as Schema.Codec<unknown>
const read = Schema.decodeUnknownResult(schema, { onExcessProperty: "error" })
const takes = (value: unknown): boolean => Result.isSuccess(read(value))

describe("the schema for editors", () => {
  for (const file of shipped) {
    it(`takes ${file}, which names it in its first line`, () => {
      const text = readFileSync(join(root, file), "utf8")
      expect(takes(parse(text))).toBe(true)
      const [, named = ""] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text) ?? []
      expect(join(dirname(file), named)).toBe(path)
      expect(existsSync(join(root, path))).toBe(true)
    })
  }

  it("refuses a misspelt key, at the top and within", () => {
    expect(takes(parse(small))).toBe(true)
    expect(takes(parse(`${small}jurnal: {}\n`))).toBe(false)
    expect(takes(parse(small.replace("port: 8583", "port: 8583, prot: 1")))).toBe(false)
    expect(takes(parse(`${small}journal: { maxByte: 16777216 }\n`))).toBe(false)
  })

  const master = (value: string) => `${small}keyStore: { masterKey: ${value} }\n`
  const listener = (more: string) => small.replace("port: 8583", `port: 8583, ${more}`)
  const upstream = (more: string) => small.replace("links:", `${more}\n    links:`)
  const cases = [
    master("{ file: key.hex }"),
    master("{ env: MASTER_KEY }"),
    master("{ env: 1KEY }"),
    master("{ file: key.hex, env: MASTER_KEY }"),
    master("00112233445566778899AABBCCDDEEFF"),
    listener("kind: devices"),
    listener("kind: iso8853"),
    listener("balancers: []"),
    listener("balancers: [fd00::1]"),
    listener("host: a b"),
    listener("allow: [10.0.0.0/8, \"fd00::/8\"]"),
    listener("allow: [office]"),
    small.replace("to: [acquirer]", "to: [{ upstream: acquirer, share: 7 }]"),
    small.replace("to: [acquirer]", "to: [{ upstream: acquirer, share: 0 }]"),
    small.replace("to: [acquirer]", "to: [{ upstream: acquirer }]"),
    small.replace("port: 8583", "port: 65536"),
    small.replace("{ name: terminals, port: 8583 }", "{ name: terminals }"),
    "listeners: []\nupstreams: []\nroutes: []\n",
    upstream("acquirerId: 00010000"),
    upstream("adviceShare: 0"),
    upstream("adviceShare: 1"),
    upstream("signOn: 1"),
    upstream("pin: { key: zpk, format: 2 }"),
    upstream("pin: { key: zpk, format: 3 }").concat("keyStore: { test: true }\n"),
    upstream("mappings: { cup-pos: 7 b }"),
    upstream("tls: {}"),
    upstream("tls:"),
    `${small}cutOver: "24:00"\n`,
    `${small}codec: { workers: 0.5 }\n`,
    `${small}codec: []\n`
  ]

  it("and the switch say the same of values", () => {
    // Faults of one key alone: what relates it to another one is not the schema's.
    const fine = cases.filter((text) => faultsOf(text).length === 0)
    expect(fine.length).toBeGreaterThan(5)
    expect(cases.filter((text) => takes(parse(text)))).toEqual(fine)
  })

  it("has what a key is for, and what holds without it", () => {
    const { properties } = made as { readonly properties: Record<string, JsonSchema.JsonSchema> }
    expect(properties["node"]).toMatchObject({ default: "node-1", type: ["string", "number"] })
    for (const [name, { description }] of Object.entries(properties)) {
      expect(description, name).toMatch(/\.$/)
    }
  })
})
