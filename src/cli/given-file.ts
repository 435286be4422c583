/** Files that a verb was given by name. What must hold: one that cannot be used is one line. */

import { readFileSync, writeFileSync } from "node:fs"
import { Refusal } from "./verb.ts"

export function readGiven(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    throw new Refusal(3, `${path}: cannot be read`)
  }
}

export function writeGiven(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch {
    throw new Refusal(3, `${path}: cannot be written`)
  }
}
