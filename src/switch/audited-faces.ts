/**
 * The same faces, and everything that an operator changes through them in the audit log. Reloads
 * are there by themselves, because a signal asks for them too.
 */

import { Effect } from "effect"
import type { AdminFaces } from "../admin/faces.ts"
import type { BackOfficeShape } from "./back-office.ts"

/** The admin listener knows nobody by name: who reaches it is the operator. */
export const operator = "operator"

export function auditedFaces(faces: AdminFaces, audit: BackOfficeShape["audit"]): AdminFaces {
  const { exceptions, serials, sessions, upstreams } = faces
  const note = (action: string, target: string, done: boolean, detail = ""): boolean => {
    const outcome = done ? "done" : "refused"
    audit({ actor: operator, origin: "admin", action, target, outcome, detail })
    return done
  }
  return {
    ...faces,
    sessions: {
      ...sessions,
      close: (terminal) => note("session.close", terminal, sessions.close(terminal))
    },
    serials: {
      ...serials,
      forget: (terminal, sameDevice) =>
        Effect.map(
          serials.forget(terminal, sameDevice),
          (done) => note("serial.forget", terminal, done, sameDevice ? "same device" : "")
        )
    },
    upstreams: {
      ...upstreams,
      force: (name, to) => note("breaker.force", name, upstreams.force(name, to), to),
      drain: (name, link) => note("link.drain", `${name}/${link}`, upstreams.drain(name, link)),
      resume: (name, link) => note("link.resume", `${name}/${link}`, upstreams.resume(name, link))
    },
    exceptions: {
      ...exceptions,
      resolve: (id, words) =>
        Effect.map(
          exceptions.resolve(id, words),
          (done) => note("exception.resolve", id, done, words)
        )
    },
    drain: Effect.andThen(Effect.sync(() => note("drain", "", true)), faces.drain)
  }
}
