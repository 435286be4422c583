/** Why a journal cannot be used, and one line each that says what to do about it. */

import { Effect } from "effect"
import { JournalUnusable } from "../domain/ports/journal.ts"

export const refusals = {
  owned: "another process runs on this journal: stop it, or give this one a folder of its own",
  "newer-format":
    "written by a newer version: start that version again, or drain it there before going back",
  corrupt:
    "keep the folder, run `pointsman journal verify` on it, and restore what it names from " +
    "PostgreSQL before starting on an empty folder",
  foreign: "the log belongs to another journal: put the two files back that were made together",
  missing: "PostgreSQL knows this node, and its journal is not there: mount the right disk, or " +
    "say that it is lost (`pointsman start --journal-lost`) and reconcile the day",
  absent: "there is no journal here: name the folder of one",
  half:
    "one of the journal's two files is not there: put it back, or move the folder away and say " +
    "that the journal is lost (`pointsman start --journal-lost`), and reconcile the day",
  "read-only": "this user may not read and write it: check its mount and its owner",
  "long-name": "the folder's path is too long for a socket in it: give one of at most 90 bytes",
  system: "the system does not let the journal be used: mend what it says, and start again",
  "no-space": "the disk has no room for the journal's maximum: free some, or lower `maxBytes`",
  unsafe: "this mode gives up promises about money: say `unsafe: true`, or use `strict`"
} as const

export type RefusalReason = keyof typeof refusals

/** `what` names the place, where there is one. */
export function refuse(reason: RefusalReason, what?: string): JournalUnusable {
  const advice = what === undefined ? refusals[reason] : `${what}: ${refusals[reason]}`
  return new JournalUnusable({ reason, advice })
}

const reasons: Readonly<Record<string, RefusalReason>> = {
  ENAMETOOLONG: "long-name",
  EROFS: "read-only",
  EACCES: "read-only",
  EPERM: "read-only",
  ENOSPC: "no-space",
  EDQUOT: "no-space"
}

/**
 * What an error of the file system or of LMDB means for the journal at `path`. LMDB gives the
 * number of a system's error as its code, and negative ones of its own.
 */
export function refusalOf(error: unknown, path: string): JournalUnusable {
  const { code, message } = error as { readonly code?: string | number; readonly message: string }
  const text = String(message)
  const named = reasons[code ?? ""] ??
    (/read-only|permission denied/i.test(text) ? "read-only" : undefined) ??
    (/no space|quota/i.test(text) ? "no-space" : undefined) ??
    (/version mismatch/i.test(text) ? "newer-format" : undefined) ??
    (typeof code === "string" || (code ?? 0) > 0 ? "system" : "corrupt")
  return refuse(named, `${path}: ${text}`)
}

/** What is done with the journal at `path`; when it throws, what that means. */
export const attempt = <A>(path: string, body: () => A): Effect.Effect<A, JournalUnusable> =>
  Effect.try({ try: body, catch: (error) => refusalOf(error, path) })
