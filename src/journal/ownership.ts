/**
 * One owner per journal: a Unix socket bound inside its folder. The system frees it when the
 * process ends, however it ends; what stays behind is a name that nobody answers. LMDB itself would
 * let a second process write.
 */

import { Effect, type Scope } from "effect"
import { existsSync, linkSync, renameSync, rmSync } from "node:fs"
import { connect, createServer, type Server } from "node:net"
import { join } from "node:path"
import type { JournalUnusable } from "../domain/ports/journal.ts"
import { refusalOf, refuse } from "./refusals.ts"

const socketName = "owner.sock"
/** Names that nobody answers are cleared away at most this often before giving up. */
const attempts = 3

/** Owns the folder until the scope closes. The folder exists. */
export const ownFolder = Effect.fnUntraced(function*(
  folder: string
): Effect.fn.Return<void, JournalUnusable, Scope.Scope> {
  const path = join(folder, socketName)
  for (let attempt = 0; attempt < attempts; attempt++) {
    const bound = yield* bind(path)
    if (bound) return
    if (yield* isAnswered(path)) break
    if (!(yield* clear(path))) break
  }
  return yield* refuse("owned", folder)
})

/** False: the name is taken. */
const bind = Effect.fnUntraced(function*(path: string) {
  const server = yield* Effect.acquireRelease(listen(path), closed)
  return server !== undefined
})

const listen = (path: string) =>
  Effect.callback<Server | undefined, JournalUnusable>((resume) => {
    const server = createServer((socket) => socket.destroy())
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resume(Effect.succeed(undefined))
      else if (error.code === "EINVAL") resume(Effect.fail(refuse("long-name", path)))
      else resume(Effect.fail(refusalOf(error, path)))
    })
    server.listen(path, () => {
      server.unref()
      resume(Effect.succeed(server))
    })
  })

const closed = (server: Server | undefined) =>
  Effect.callback<void>((resume) => {
    if (server === undefined) resume(Effect.void)
    else server.close(() => resume(Effect.void))
  })

const isAnswered = (path: string) =>
  Effect.callback<boolean>((resume) => {
    const socket = connect(path)
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    // Who may not ask does not know either.
    socket.once("error", ({ code }: NodeJS.ErrnoException) =>
      resume(Effect.succeed(code !== "ECONNREFUSED" && code !== "ENOENT")))
  })

/**
 * Takes a name that nobody answers out of the way. It is moved before it is removed, because
 * another starter may have bound it between the question and now; then it is put back.
 */
const clear = Effect.fnUntraced(function*(path: string) {
  const aside = `${path}.old`
  try {
    renameSync(path, aside)
  } catch {
    return true
  }
  if (yield* isAnswered(aside)) {
    if (!existsSync(path)) linkSync(aside, path)
    rmSync(aside, { force: true })
    return false
  }
  rmSync(aside, { force: true })
  return true
})
