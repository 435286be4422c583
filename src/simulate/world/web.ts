/**
 * HTTP on the world's network: whole requests and whole responses, each of which may be lost. What
 * must hold: `unsent` only when the other side saw nothing; whatever it may have seen is `doubt`.
 */

import { Effect } from "effect"
import type {
  HttpCall,
  HttpOutcome,
  HttpRequest,
  HttpResponse,
  HttpShape
} from "../../domain/ports/http.ts"
import { ListenFailed } from "../../domain/ports/transport.ts"
import type { Incarnation, WorldEvents } from "./events.ts"
import type { Network } from "./network.ts"

type Handle = (request: HttpRequest, respond: (response: HttpResponse) => void) => void

interface Site {
  readonly owner: Incarnation
  readonly handle: Handle
  readonly maxBodyBytes: number
}

const residentBodyBytes = 65_536

const tooLarge: HttpResponse = { status: 413, headers: new Map(), body: new Uint8Array(0) }

/** The servers of the world by port. */
export class Web {
  readonly #network: Network
  readonly #sites = new Map<number, Site>()

  constructor(network: Network) {
    this.#network = network
  }

  /** `Http` for one process. */
  of(owner: Incarnation): HttpShape {
    return {
      serve: (options, handle) =>
        Effect.acquireRelease(
          Effect.suspend(() => {
            const { maxBodyBytes, name, port } = options
            if (this.#site(port) !== undefined) {
              return Effect.fail(new ListenFailed({ listener: name, port, code: "EADDRINUSE" }))
            }
            this.#sites.set(port, { owner, handle, maxBodyBytes })
            return Effect.succeed({ port })
          }),
          ({ port }) =>
            Effect.sync(() => {
              if (this.#sites.get(port)?.owner === owner) this.#sites.delete(port)
            })
        ),
      call: (call, done) => this.#call(owner, call, done)
    }
  }

  get events(): WorldEvents {
    return this.#network.events
  }

  /** A server that lives as long as its owner. */
  open(owner: Incarnation, port: number, handle: Handle): void {
    this.#sites.set(port, { owner, handle, maxBodyBytes: residentBodyBytes })
  }

  #site(port: number): Site | undefined {
    const site = this.#sites.get(port)
    return site?.owner.alive === true ? site : undefined
  }

  #call(owner: Incarnation, call: HttpCall, done: (outcome: HttpOutcome) => void): void {
    const network = this.#network
    const { chance, counts, events } = network
    const url = new URL(call.url)
    let over = false
    const end = (outcome: HttpOutcome) => {
      if (over) return
      over = true
      done(outcome)
    }
    events.after(owner, call.timeoutMs, () => end({ _tag: "doubt", code: "timeout" }))
    events.after(owner, network.delayMs(), () => {
      const site = this.#site(Number(url.port))
      const isBlocked = network.blocked.has(Number(url.port))
      if (site === undefined || isBlocked || chance.happens(network.weather.refuse)) {
        end({ _tag: "unsent", code: "ECONNREFUSED" })
        return
      }
      if (chance.happens(network.weather.reset)) {
        counts.resets++
        const cut = () => end({ _tag: "doubt", code: "ECONNRESET" })
        // Half of the cuts come before the request arrived, half take the answer away.
        if (chance.happens(0.5)) return cut()
        this.#arrive(site, call, url, () => events.after(owner, network.delayMs(), cut))
        return
      }
      this.#arrive(
        site,
        call,
        url,
        (response) =>
          events.after(owner, network.delayMs(), () => end({ _tag: "answered", response }))
      )
    })
  }

  #arrive(site: Site, call: HttpCall, url: URL, answer: (response: HttpResponse) => void): void {
    this.#network.events.after(site.owner, 0, () => {
      if (call.body.length > site.maxBodyBytes) return answer(tooLarge)
      let answered = false
      site.handle({
        method: call.method,
        path: url.pathname + url.search,
        headers: call.headers,
        body: call.body,
        remote: "127.0.0.1:1"
      }, (response) => {
        if (answered) return
        answered = true
        answer(response)
      })
    })
  }
}
