/** What a plain chip sale looks like to the router, to be varied by the stories. */

import type { MerchantId, TerminalId } from "../../src/domain/brand.ts"
import type { RouteFacts } from "../../src/domain/ports/router.ts"

export function sale(changes: Partial<RouteFacts> = {}): RouteFacts {
  return {
    kind: "sale",
    channel: "chip",
    scheme: "card",
    digits: "6221558812340000",
    amount: 5000,
    currency: "156",
    terminal: "T0000001" as TerminalId,
    merchant: "M00000000000001" as MerchantId,
    group: "shops",
    minuteOfDay: 12 * 60,
    ...changes
  }
}
