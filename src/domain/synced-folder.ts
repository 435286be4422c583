/**
 * A folder whose names are on disk. A file that is whole and synced may still lack its name after
 * the power went; what is let go because the file is there must wait for this.
 */

import { closeSync, fsyncSync, openSync } from "node:fs"

export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r")
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
