/** The page on faults names tests that are there. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"

const root = join(import.meta.dirname, "../..")
const page = readFileSync(join(root, "docs/concepts/faults.md"), "utf8")
const rows = page.split("\n").filter((line) => /^\| [A-Z]\d/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()))

it("every fault of process, disk, database, clock and terminals has a row", () => {
  const named = new Set(rows.flatMap(([, fault = ""]) => fault.match(/\b[A-Z]\d+\b/g) ?? []))
  const wanted = ["P1", "P2", "P3", "P6", "P11", "P13", "G10"]
  for (let each = 1; each <= 12; each++) wanted.push(`B${each}`)
  for (let each = 1; each <= 8; each++) wanted.push(`D${each}`)
  for (let each = 1; each <= 4; each++) wanted.push(`K${each}`)
  for (let each = 1; each <= 12; each++) wanted.push(`N${each}`)
  for (let each = 1; each <= 8; each++) wanted.push(`M${each}`)
  wanted.push("O2", "O6", "O7")
  expect(wanted.filter((fault) => !named.has(fault))).toEqual([])
})

it("every row's test is where it says", () => {
  const absent = rows.filter(([, , , file = "", words = ""]) =>
    !readFileSync(join(root, file.replaceAll("`", "")), "utf8").includes(words)
  )
  expect(absent).toEqual([])
})
