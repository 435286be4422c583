/**
 * Published test card numbers, and the PIN that the simulated issuer knows each by: terminals and
 * acquirer agree on it without talking. Nothing here is or was a card.
 */

/** By the first digits that routes look at. */
export const testCards = [
  "6235012345678900",
  "6222021234567890128",
  "4111111111111111",
  "5555555555554444",
  "4012888888881881"
] as const

const pins: ReadonlyMap<string, string> = new Map([
  ["6235012345678900", "123456"],
  ["6222021234567890128", "654321"],
  ["4111111111111111", "1234"],
  ["5555555555554444", "43210"],
  ["4012888888881881", "123456789012"]
])

/** Of any other card: 123456. */
export function testPin(pan: string): string {
  return pins.get(pan) ?? "123456"
}

/** Four to twelve digits that are never the card's own. */
export function wrongPin(pan: string): string {
  return testPin(pan) === "0000" ? "1111" : "0000"
}
