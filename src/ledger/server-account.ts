/**
 * Under which user the embedded server runs. PostgreSQL refuses to run as root, so a switch that
 * runs as root hands its server to an unprivileged user: the owner of the data folder if that is
 * one, else `pointsman`, `postgres` or `nobody`. Where that user cannot reach the folders (a clone
 * below a private home folder), the server gets the one capability to look up paths, and no more.
 */

import { readFileSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { canGrant, ownUid } from "./server-process.ts"

export interface ServerAccount {
  /** Undefined: the user of the switch itself. */
  readonly uid: number | undefined
  readonly gid: number | undefined
  /** Command that the server is started through; empty when none is needed. */
  readonly prefix: ReadonlyArray<string>
}

const preferred = ["pointsman", "postgres", "nobody"]

/** One line that says what to do, when no account can serve. */
type Refusal = string

/**
 * @param folder the data folder, which exists
 * @param binary a file of the server's programs
 */
export function serverAccount(folder: string, binary: string): ServerAccount | Refusal {
  if (ownUid() !== 0) return { uid: undefined, gid: undefined, prefix: [] }
  const owner = statSync(folder)
  const found = owner.uid === 0 ? accountOf(passwords()) : { uid: owner.uid, gid: owner.gid }
  if (found === undefined) {
    return "run the switch as an ordinary user: PostgreSQL refuses root, and there is no user " +
      `${preferred.join(", ")} to hand it to`
  }
  const blocked = [folder, binary].find((path) => !reaches(path, found.uid, found.gid))
  if (blocked === undefined) return { ...found, prefix: [] }
  const prefix = lookUpPrefix(found.uid, found.gid)
  if (canGrant(prefix)) return { ...found, prefix }
  return `user ${found.uid} cannot reach ${blocked}: set ledger.dataPath to a folder that it ` +
    "can reach, or run the switch as an ordinary user"
}

function passwords(): string {
  try {
    return readFileSync("/etc/passwd", "utf8")
  } catch {
    return ""
  }
}

/** The first of the preferred users in the text of a passwd file. */
export function accountOf(text: string): { uid: number; gid: number } | undefined {
  const lines = text.split("\n").map((line) => line.split(":"))
  for (const name of preferred) {
    const line = lines.find((fields) => fields[0] === name)
    const uid = Number(line?.[2])
    const gid = Number(line?.[3])
    if (line !== undefined && uid > 0 && gid > 0) return { uid, gid }
  }
  return undefined
}

/** May this user pass through every folder above `path`? */
function reaches(path: string, uid: number, gid: number): boolean {
  for (let folder = dirname(path);; folder = dirname(folder)) {
    const stat = statSync(folder)
    const shift = stat.uid === uid ? 6 : stat.gid === gid ? 3 : 0
    if (((stat.mode >> shift) & 1) === 0) return false
    if (folder === dirname(folder)) return true
  }
}

function lookUpPrefix(uid: number, gid: number): ReadonlyArray<string> {
  return [
    "setpriv",
    `--reuid=${uid}`,
    `--regid=${gid}`,
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search"
  ]
}
