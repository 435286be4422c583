/**
 * HTTP for wallets: webhooks that come in, requests that go out. Raw bodies, because they are
 * signed.
 */

import { Context, type Effect, type Scope } from "effect"
import type { ListenFailed } from "./transport.ts"

export interface HttpRequest {
  readonly method: string
  /** Path with query, as on the wire. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
  readonly remote: string
}

export interface HttpResponse {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
}

export interface HttpCall {
  readonly method: string
  /** `http://host:port/path` */
  readonly url: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
  readonly timeoutMs: number
}

/**
 * What came of a call. `unsent`: nothing left this machine (definite). `doubt`: it was written and
 * no whole answer came (rule 1).
 */
export type HttpOutcome =
  | { readonly _tag: "answered"; readonly response: HttpResponse }
  | { readonly _tag: "unsent"; readonly code: string }
  | { readonly _tag: "doubt"; readonly code: string }

export interface HttpShape {
  readonly serve: (
    options: {
      readonly name: string
      readonly host: string
      readonly port: number
      readonly maxBodyBytes: number
      /** Connections at once; further ones are closed unheard. */
      readonly maxConnections?: number
      /** Hears of each that was closed so. */
      readonly declined?: () => void
      /** Hears of each request whose body was larger: it is refused unread. */
      readonly oversized?: () => void
    },
    handle: (request: HttpRequest, respond: (response: HttpResponse) => void) => void
  ) => Effect.Effect<{ readonly port: number }, ListenFailed, Scope.Scope>
  readonly call: (call: HttpCall, done: (outcome: HttpOutcome) => void) => void
}

export class Http extends Context.Service<Http, HttpShape>()("pointsman/domain/ports/Http") {}
