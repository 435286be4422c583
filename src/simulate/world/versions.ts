/**
 * Which configuration was in force under which version, as the operator of the world knows it. What
 * must hold (I10): a transaction names the version that it was handled under; its route is one that
 * this version has, its upstream one that the route leads to, and its terminal was not blocked.
 */

import type { SwitchRecord } from "../audit.ts"
import type { InForce } from "./house.ts"

export class Versions {
  readonly #known = new Map<number, InForce>()

  /** What a version is that was never durable is forgotten with it: then the next one has it. */
  note(inForce: InForce): void {
    this.#known.set(inForce.version, inForce)
  }

  /** What is wrong with it, in words; undefined: nothing. */
  faultOf({ configVersion = 0, route, terminal, upstream }: SwitchRecord): string | undefined {
    const found = this.#known.get(configVersion)
    if (found === undefined) return `handled under version ${configVersion}, which never was`
    // Never routed; or paid at a code, and booked whatever is in force by then.
    if (route === undefined) return undefined
    const { amendment: { blocked }, routes } = found
    const under = `under version ${configVersion}`
    if (blocked.has(terminal)) return `${terminal} is blocked ${under}`
    // A follow-on goes where its original went.
    if (route === "original") return undefined
    const to = routes.get(route)
    if (to === undefined) return `there is no route ${route} ${under}`
    return upstream === undefined || to.includes(upstream)
      ? undefined
      : `route ${route} leads to ${to.join(", ")} ${under}, and it went to ${upstream}`
  }
}
