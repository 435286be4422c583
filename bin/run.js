/**
 * `npm run test|check|bench|fuzz|verify|bugs`: finds the program of that name and runs it. A group
 * is a folder of programs; without a name it lists what is there.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { exits, root, runSource } from "./runtime.js"

const programs = {
  test: { file: "test/run.ts", args: ["--all"] },
  check: { file: "test/run.ts", args: ["--check"] },
  verify: { file: "test/verify.ts", args: [] },
  bugs: { file: "test/bugs/run.ts", args: [] },
  docs: { file: "docs/generate.ts", args: [] }
}

const groups = { bench: "bench", fuzz: "test/fuzz" }

const [command = "", ...rest] = process.argv.slice(2)

if (Object.hasOwn(programs, command)) {
  const program = programs[command]
  if (existsSync(join(root, program.file))) runSource(program.file, [...program.args, ...rest])
  else refuse(command)
} else if (Object.hasOwn(groups, command)) {
  const [name = "", ...args] = rest
  const file = `${groups[command]}/${name}.ts`
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name) || !existsSync(join(root, file))) refuse(command, name)
  else if (args.includes("--help")) process.stdout.write(aboutOf(file))
  else runSource(file, args)
} else {
  process.stderr.write(`${command}: no such command\n`)
  process.exitCode = exits.usage
}

/** What the program says of itself where it begins. */
function aboutOf(file) {
  const [, about = ""] = /^\/\*\*\s(.*?)\s*\*\//s.exec(readFileSync(join(root, file), "utf8")) ?? []
  return `${about.replaceAll(/^ ?\* ?/gm, "").trim()}\n`
}

function refuse(group, name = "") {
  const folder = join(root, groups[group] ?? "none")
  const names = existsSync(folder)
    ? readdirSync(folder).filter((file) => file.endsWith(".ts")).map((file) => file.slice(0, -3))
    : []
  const problem = name === "" || name === "--help" ? "" : `${name}: no such program\n`
  process.stderr.write(`${problem}usage: npm run ${group} -- <name> [options | --help]\n`)
  process.stderr.write(`names: ${names.sort().join(" ")}\n`)
  process.exitCode = exits.usage
}
