/**
 * Where a key store rests: a file, or a PostgreSQL database where the configuration names one. Both
 * hold the same document (`security/key-store.ts`) and are spoken to by the same two words. What
 * must hold: a change replaces exactly the store that it was made from, whole or not at all; only
 * key blocks are written, and no key and no password is in an error.
 */

import { Effect, type FileSystem, Schema } from "effect"
import { dirname } from "node:path"
import type { KeyStore } from "../security/key-store.ts"

export class KeyStoreUnusable extends Schema.TaggedError<KeyStoreUnusable>()("KeyStoreUnusable", {
  /** The file, or the reference to the database's URL. */
  place: Schema.String,
  /** One line that says what to do. */
  advice: Schema.String
}) {}

export interface KeyStoreHome {
  readonly place: string
  /** The document; undefined when there is none yet. */
  readonly read: Effect.Effect<Uint8Array | undefined, KeyStoreUnusable>
  /** Refuses when what is there is no longer what was `read`. */
  readonly write: (
    read: Uint8Array | undefined,
    store: KeyStore
  ) => Effect.Effect<void, KeyStoreUnusable>
}

export const changedMeanwhile = (place: string) =>
  new KeyStoreUnusable({
    place,
    advice: `${place} was changed by somebody else meanwhile; nothing was written, ask again`
  })

export function keyFile(file: string, files: FileSystem.FileSystem): KeyStoreHome {
  const read = files.readFile(file).pipe(
    Effect.catch((error) =>
      error.reason._tag === "NotFound"
        ? Effect.succeed(undefined)
        : Effect.fail(
          new KeyStoreUnusable({
            place: file,
            advice: `cannot read the key store ${file}: ${error.reason._tag}`
          })
        )
    )
  )
  return {
    place: file,
    read,
    write: (before, store) => {
      const beside = `${file}.new`
      // Who makes it is the only writer; on disk before it takes the old one's place.
      const replaced = Effect.gen(function*() {
        const written = yield* files.open(beside, { flag: "wx", mode: 0o600 })
        yield* Effect.gen(function*() {
          if (!sameDocument(before, yield* read)) return yield* changedMeanwhile(file)
          yield* written.writeAll(Buffer.from(store.serialise()))
          yield* written.sync
          yield* files.rename(beside, file)
          // The new name too is on disk, where a folder can be told so.
          yield* Effect.scoped(
            files.open(dirname(file)).pipe(
              Effect.flatMap((folder) => folder.sync),
              Effect.ignore
            )
          )
        }).pipe(Effect.onError(() => Effect.ignore(files.remove(beside))))
      })
      return Effect.scoped(replaced).pipe(
        Effect.catchTag("PlatformError", ({ reason }) =>
          new KeyStoreUnusable({
            place: file,
            advice: reason._tag === "AlreadyExists"
              ? `${beside} is there: somebody changes the store; remove it if nobody does`
              : `cannot write the key store ${file}: ${reason._tag}`
          }))
      )
    }
  }
}

export function sameDocument(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return Buffer.compare(one, other) === 0
}
