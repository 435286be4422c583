/** Lists of addresses and networks: who is in, whatever the address looks like. */

import { expect, it } from "vitest"
import { compileNetworks } from "../../src/domain/networks.ts"

const list = compileNetworks(["10.0.0.0/8", "192.0.2.7", "fd00::/8", "::ffff:198.51.100.0/120"])

it("an address is in its network, or is the one that is written", () => {
  for (const inside of ["10.0.0.0", "10.255.255.255", "192.0.2.7", "fd12::1", "fdff::"]) {
    expect([inside, list(inside)]).toEqual([inside, true])
  }
  for (const outside of ["11.0.0.0", "9.255.255.255", "192.0.2.8", "fe00::1", "::1", "::"]) {
    expect([outside, list(outside)]).toEqual([outside, false])
  }
})

it("an IPv4 address is itself when it is mapped into IPv6, at the door and in the list", () => {
  for (const inside of ["::ffff:10.1.2.3", "0:0:0:0:0:ffff:a01:203", "198.51.100.9"]) {
    expect([inside, list(inside)]).toEqual([inside, true])
  }
  expect(list("::ffff:11.1.2.3")).toBe(false)
  expect(compileNetworks(["0.0.0.0/0"])("fd00::1")).toBe(false)
  expect(compileNetworks(["::/0"])("fd00::1")).toBe(true)
})

it("what is no address is in no list", () => {
  for (const text of ["", "unknown", "10.0.0", "10.0.0.1:80", "fd00::1%eth0", "[fd00::1]"]) {
    expect([text, compileNetworks(["0.0.0.0/0", "::/0"])(text)]).toEqual([
      text,
      text === "fd00::1%eth0"
    ])
  }
})
