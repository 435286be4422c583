/** What a wallet's breaker takes for sick, and how it lets customers back. */

import { describe, expect, it } from "vitest"
import { paidReply, Till } from "./till.ts"

describe("the breaker of a wallet", () => {
  it("opens on lost answers, stays closed on refusals, and asks before it closes", () => {
    const till = new Till({ window: 100 })
    till.wallet.replies = { "/pay": { state: "FAILED", code: "RISK" } }
    for (let call = 0; call < 30; call++) till.pay()
    expect(till.station.status.breaker).toBe("closed")
    till.station.time.pass(11_000)
    till.wallet.replies = { "/pay": "lost", "/inquire": "lost" }
    for (let call = 0; call < 20; call++) till.pay()
    expect(till.station.status.breaker).toBe("open")
    till.station.time.pass(5100)
    expect(till.station.status.breaker).toBe("open")
    till.wallet.replies = { "/inquire": { state: "ABSENT" }, "/pay": paidReply }
    till.station.time.pass(10_100)
    expect(till.station.status.breaker).toBe("half-open")
    till.pay()
    expect(till.station.status.breaker).toBe("closed")
  })

  it("opens on silence long before requests time out, and again on a silent probe", () => {
    const till = new Till({ window: 100 })
    till.wallet.replies = { "/pay": "held" }
    for (let call = 0; call < 20; call++) till.pay()
    till.station.time.pass(1900)
    expect(till.station.status.breaker).toBe("closed")
    till.station.time.pass(3300)
    expect(till.station.status.breaker).toBe("open")
    till.station.time.pass(5100)
    expect(till.station.status.breaker).toBe("half-open")
    till.pay()
    till.station.time.pass(5000)
    expect(till.station.status.breaker).toBe("open")
  })

  it("lets the next customers prove it when those before gave their places back", () => {
    const till = new Till()
    till.station.control.force("bank", "open")
    till.station.control.force("bank", "auto")
    till.station.time.pass(50)
    expect(till.station.status.breaker).toBe("half-open")
    for (let count = 0; count < 3; count++) till.reserve().release()
    till.wallet.replies = { "/pay": paidReply }
    till.pay()
    expect(till.station.status.breaker).toBe("closed")
  })

  it("takes no answer for slow that lay unread while we were held", () => {
    const till = new Till({ window: 100 })
    till.wallet.replies = { "/pay": "held" }
    for (let call = 0; call < 20; call++) till.pay()
    till.station.time.hold(3000)
    for (const answer of till.wallet.held.splice(0)) answer()
    till.station.time.settle()
    expect(till.station.control.breaker("bank")).toMatchObject({ state: "closed", calls: 0 })
  })

  it("counts slow wallets, and learns nothing from our own stalls", () => {
    const till = new Till({ window: 100 })
    till.wallet.replies = { "/pay": "held", "/inquire": "held" }
    for (let call = 0; call < 20; call++) till.pay()
    till.station.time.hold(31_000)
    till.station.time.settle()
    expect(till.station.control.breaker("bank")).toMatchObject({ state: "closed", calls: 0 })
    for (let call = 0; call < 20; call++) till.pay()
    till.station.time.pass(3000)
    for (const answer of till.wallet.held.splice(0)) answer()
    expect(till.station.status.breaker).toBe("open")
  })
})
