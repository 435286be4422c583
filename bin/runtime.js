/**
 * Which Node runs the sources, and how a child is run in our place. Plain JavaScript for any
 * Node from 20 on, without dependencies: it must work before anything is installed.
 */

import { spawn } from "node:child_process"
import { createRequire } from "node:module"
import { constants } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The oldest Node that runs the sources without a build step; `engines` says the same. */
const oldestMajor = 24

const compiledSources = join(root, "node_modules", ".cache", "pointsman")

/** Exit codes of every command of this project: 2 wrong usage, 3 the environment. */
export const exits = { usage: 2, environment: 3 }

/** The Node binary that npm installed for this platform, if it did. */
export function pinnedNode() {
  try {
    const name = `node-${process.platform}-${process.arch}`
    const manifest = createRequire(join(root, "package.json")).resolve(`${name}/package.json`)
    return join(dirname(manifest), "bin", "node")
  } catch {
    return undefined
  }
}

function currentNode() {
  return Number(process.versions.node.split(".")[0]) >= oldestMajor ? process.execPath : undefined
}

/**
 * Runs `file` with the right Node, wires this process to it, and ends as it ends: same exit
 * code, same signal.
 */
export function runSource(file, args) {
  const pinned = pinnedNode()
  const current = currentNode()
  // A pinned binary may exist and not run here (another C library): then the current one may do.
  start([pinned, current].filter((node) => node !== undefined), [join(root, file), ...args])
}

function start(nodes, argv) {
  const [node, ...others] = nodes
  if (node === undefined) {
    process.stderr.write(
      `pointsman needs Node ${oldestMajor} or newer and this is ${process.versions.node}.\n` +
        "Run `npm ci` in the project to get the pinned one, or install Node 26.\n"
    )
    process.exitCode = exits.environment
    return
  }
  const path = `${dirname(node)}:${process.env.PATH ?? ""}`
  // By the channel, the child hears when this process is killed, and ends too.
  const child = spawn(node, argv, {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    // The program asks for this cache by itself, but only once its first files are compiled.
    env: { NODE_COMPILE_CACHE: compiledSources, ...process.env, PATH: path }
  })
  const forward = (signal) => child.kill(signal)
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"]
  for (const signal of signals) process.on(signal, forward)
  child.on("error", () => start(others, argv))
  child.on("exit", (code, signal) => {
    for (const each of signals) process.off(each, forward)
    process.exitCode = code ?? 128 + constants.signals[signal]
  })
}
