/**
 * Paths in a configuration are relative to its file, and nothing behind this needs to know where
 * that lies. Which values are paths, their shapes say.
 */

import { resolve } from "node:path"
import type { SecretReference } from "../domain/config.ts"
import type { Shape } from "./shape.ts"

/** The value with every path in it, and every file that holds a secret, named from the root. */
export function withAbsolutePaths<A>(shape: Shape<A>, value: A, folder: string): A {
  // What comes back has the shape that went in: a path is a text, before as after.
  return placed(shape, value, folder) as A
}

function placed(shape: Shape<unknown>, value: unknown, folder: string): unknown {
  if (shape.names === "path") return resolve(folder, value as string)
  if (shape.names === "secret") {
    const reference = value as SecretReference
    return "file" in reference ? { file: resolve(folder, reference.file) } : reference
  }
  if (typeof value !== "object" || value === null) return value
  const inside = (name: string) => shape.fields?.[name]?.shape ?? shape.element ?? shape
  return Array.isArray(value)
    ? value.map((each) => placed(inside(""), each, folder))
    : Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, placed(inside(name), each, folder)])
    )
}
