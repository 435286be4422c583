/**
 * The files that a configuration names: dialects, framings, mappings. `dialects/<name>.yaml` beside
 * the configuration file wins over the one of the same name that comes with the switch. What must
 * hold: each is read and compiled once, and all faults of all files are collected.
 */

import { Effect, FileSystem, type PlatformError } from "effect"
import { createHash } from "node:crypto"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { OnFault, SourceFault } from "../domain/source-fault.ts"
import { maxFileBytes } from "./limits.ts"
import type { ConfigFault } from "./loaded.ts"
import { YamlSource } from "./yaml-source.ts"

/** The folder of dialects, framings and mappings that come with the switch. */
export const bundledFolder = fileURLToPath(new URL("../../config/", import.meta.url))

type Folder = "dialects" | "framings" | "mappings" | "parameters"

/** What names the file, for the fault when it is not there. */
interface Reference {
  readonly path: string
  readonly fault: OnFault
}

export class NamedFiles {
  readonly faults: Array<ConfigFault> = []
  readonly digests = new Map<string, string>()
  readonly #folders: ReadonlyArray<string>

  /** `beside` is the configuration file's own folder. */
  constructor(beside: string) {
    this.#folders = [beside, bundledFolder]
  }

  /** The compiled file; undefined when it is absent or faulty, which was noted. */
  readonly load = Effect.fnUntraced(function*<A extends object>(
    this: NamedFiles,
    folder: Folder,
    name: string,
    reference: Reference,
    compile: (source: unknown) => A | ReadonlyArray<SourceFault>
  ) {
    const short = `${folder}/${name}.yaml`
    for (const base of this.#folders) {
      const file = join(base, short)
      const read = yield* Effect.result(readText(file))
      if (read._tag === "Failure") {
        if (read.failure === absent) continue
        reference.fault(reference.path, `${file} cannot be read: ${read.failure}`)
        return undefined
      }
      const text = read.success
      this.digests.set(short, createHash("sha256").update(text).digest("hex"))
      const source = new YamlSource(file, text)
      const plain = source.faults.length === 0 ? source.plain() : undefined
      const compiled = source.faults.length === 0 ? compile(plain) : []
      if (Array.isArray(compiled)) {
        for (const fault of compiled as ReadonlyArray<SourceFault>) {
          source.fault(fault.path, fault.problem)
        }
        this.faults.push(...source.faults)
        return undefined
      }
      return compiled as A
    }
    const near = yield* this.#known(folder, name)
    reference.fault(reference.path, `there is no ${short}${near}`)
    return undefined
  })

  /** Which names there are, for the fault about one that is not. */
  readonly #known = Effect.fnUntraced(function*(this: NamedFiles, folder: Folder, name: string) {
    const files = yield* FileSystem.FileSystem
    const names = new Set<string>()
    for (const base of this.#folders) {
      const found = yield* files.readDirectory(join(base, folder)).pipe(
        Effect.orElseSucceed((): Array<string> => [])
      )
      for (const file of found) if (file.endsWith(".yaml")) names.add(file.slice(0, -5))
    }
    names.delete(name)
    return names.size === 0 ? "" : `; there are ${[...names].toSorted().join(", ")}`
  })
}

const absent = "no such file"

const whyNot = ({ reason: { _tag } }: PlatformError.PlatformError): string =>
  _tag === "NotFound" ? absent : _tag

/** A text file of bearable size. Fails with words that say why. */
export const readText = Effect.fnUntraced(function*(path: string) {
  const files = yield* FileSystem.FileSystem
  const stat = yield* files.stat(path).pipe(Effect.mapError(whyNot))
  if (stat.type === "Directory") return yield* Effect.fail("is a folder")
  if (Number(stat.size) > maxFileBytes) return yield* Effect.fail("too large")
  return yield* files.readFileString(path).pipe(Effect.mapError(whyNot))
})
