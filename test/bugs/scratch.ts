/** Scratch copies of the sources, which are broken and mended again in place. */

import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

const root = dirname(dirname(import.meta.dirname))
const copied = ["src", "config", "bin", "package.json", "tsconfig.json"]

export interface Copy {
  readonly folder: string
  readonly takes: (patch: string) => boolean
  readonly apply: (patch: string) => void
  readonly revert: (patch: string) => void
  readonly remove: () => void
}

export function scratchCopy(): Copy {
  const folder = mkdtempSync(join(tmpdir(), "pointsman-bug-"))
  for (const name of copied) cpSync(join(root, name), join(folder, name), { recursive: true })
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"))
  const git = (...words: ReadonlyArray<string>): boolean =>
    spawnSync("git", ["apply", ...words], { cwd: folder }).status === 0
  const must = (...words: ReadonlyArray<string>): void => {
    if (!git(...words)) throw new Error(`git apply ${words.join(" ")} fails in the copy`)
  }
  return {
    folder,
    takes: (patch) => git("--check", patch),
    apply: (patch) => must(patch),
    revert: (patch) => must("--reverse", patch),
    remove: () => rmSync(folder, { recursive: true, force: true })
  }
}

/** Changes whenever a world may run otherwise. */
export function sourcesHash(): string {
  const hash = createHash("sha256")
  for (const name of ["src", "config"]) {
    const files = readdirSync(join(root, name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort()
    for (const file of files) hash.update(file.slice(root.length)).update(readFileSync(file))
  }
  return hash.digest("hex")
}
