/**
 * A switch in company: two simulated acquirers, a wallet and two fleets of terminals, each a process
 * that keeps its own book, around a switch that tests torment. `judge` brings everything to rest and
 * compares the books: terminals', upstreams', journal, PostgreSQL.
 */

import { makeSite, type Site, type SiteConfig } from "../e2e/site.ts"
import type { End, Started } from "../e2e/started.ts"
import { linked, startSwitch, type Switch } from "../e2e/switch.ts"

interface CompanyOptions {
  readonly terminals: number
  /** Transactions a second, all together. */
  readonly rate: number
  /** Shares of the acquirers' moods. */
  readonly mood: string
  readonly change?: (config: SiteConfig) => void
}

export const usual: CompanyOptions = {
  terminals: 60,
  rate: 60,
  mood: "approve=90,decline=5,silent=1,drop-after-write=1,duplicate=2,late=1"
}

export interface Verdict {
  readonly counts: Readonly<Record<string, number>>
  readonly violations: ReadonlyArray<{ readonly kind: string; readonly what: string }>
  /** How the switch ended when it was drained at last. */
  readonly end: End
  /** Questions that terminals could not bring to an end. */
  readonly left: number
}

export class Company {
  readonly site: Site
  running: Switch
  readonly #upstreams: ReadonlyArray<Started>
  readonly #fleets: Array<Started> = []
  readonly #options: CompanyOptions

  constructor(
    site: Site,
    running: Switch,
    upstreams: ReadonlyArray<Started>,
    options: CompanyOptions
  ) {
    this.site = site
    this.running = running
    this.#upstreams = upstreams
    this.#options = options
  }

  /** Terminals begin to ask. */
  startFleets(): void {
    const { rate, terminals } = this.#options
    const fleet = (listener: string, group: string, mix: string) =>
      this.site.run(
        ["terminals", "--listener", listener, "--group", group, "--mix", mix].concat(
          ["--count", String(terminals / 2), "--rate", String(rate / 2)],
          ["--timeout", "8000", "--churn", "0.01", "--book", this.site.book(group)]
        )
      )
    this.#fleets.push(
      // No voids beside pay codes: a wallet's refund in doubt that was made is a human's to end.
      fleet("terminals", "cup", "sale=8,balance=1,pay-code=2"),
      fleet("ascii-terminals", "iso", "sale=8,void=1,preauth=1,completion=1")
    )
  }

  /** The switch is started again, after it has ended. */
  async restart(): Promise<void> {
    this.running = await startSwitch(this.site)
  }

  /** Approvals that left since the switch started. */
  async answers(): Promise<number> {
    return this.running.metric(`answers_total{result="delivered"}`)
  }

  /** Ends fleets, switch and upstreams in that order, and compares the books. */
  async judge(): Promise<Verdict> {
    const told = await Promise.all(this.#fleets.map(async (fleet) => {
      await fleet.stop(120_000)
      const line = fleet.out.trimEnd().split("\n").at(-1) ?? ""
      return JSON.parse(line) as { readonly left: number }
    }))
    await this.running.comesToRest(90_000).catch(async (error: unknown) => {
      const { text } = await this.running.ask("/api/advices?limit=5")
      throw new Error(`${String(error)}\n${text}\n${this.running.process.talk.slice(-2000)}`)
    })
    const end = await this.running.process.stop()
    for (const upstream of this.#upstreams) await upstream.stop()
    const books = ["cup", "iso", "acquirer", "unionpay", "wallet"].map((name) =>
      this.site.book(name)
    )
    const audit = this.site.run(["audit", "--settled", "--format", "json", ...books])
    await audit.ended
    if (!audit.out.startsWith("{")) throw new Error(`the audit ended: ${audit.last()}`)
    const report = JSON.parse(audit.out) as Pick<Verdict, "counts" | "violations">
    return { ...report, end, left: told.reduce((sum, { left }) => sum + left, 0) }
  }

  end(): Promise<void> {
    return this.site.end()
  }
}

export async function makeCompany(options: CompanyOptions = usual): Promise<Company> {
  const site = await makeSite()
  try {
    site.write(options.change)
    const acquirers = ["acquirer", "unionpay"].map((name) =>
      site.run(
        ["acquirer", "--upstream", name, "--mood", options.mood, "--delay", "15"].concat(
          ["--late", "6000", "--book", site.book(name)]
        )
      )
    )
    const wallet = site.run(
      ["wallet", "--mood", "pay=80,decline=5,wait=10,lose-answer=5", "--book", site.book("wallet")]
    )
    const running = await startSwitch(site)
    await linked(running, "acquirer", "unionpay")
    return new Company(site, running, [...acquirers, wallet], options)
  } catch (error) {
    await site.end()
    throw error
  }
}
