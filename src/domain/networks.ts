/**
 * Lists of addresses and networks, as operators write them. What must hold: an IPv4 address is the
 * same whether it comes alone or mapped into IPv6, in the list and at the door; what is no address
 * is in no list.
 */

import { BlockList, isIP } from "node:net"

/** Every connection is held against all of them. */
export const maxNetworks = 1000

const families = { 4: { name: "ipv4", bits: 32 }, 6: { name: "ipv6", bits: 128 } } as const

interface Network {
  readonly address: string
  readonly family: "ipv4" | "ipv6"
  readonly bits: number
}

/** `10.1.2.3`, `10.0.0.0/8` or `fd00::/8`; otherwise what is wrong with it, in words. */
export function parseNetwork(text: string): Network | string {
  const [, address = "", length] = /^([^/]*)(?:\/(.*))?$/.exec(text) ?? []
  const version = isIP(address)
  if (version !== 4 && version !== 6) return "expected an IP address, or a network as 10.0.0.0/8"
  const { bits, name } = families[version]
  if (length === undefined) return { address, family: name, bits }
  const given = /^\d{1,3}$/.test(length) ? Number(length) : -1
  return given < 0 || given > bits
    ? `the length of an IPv${version} network is from 0 to ${bits}`
    : { address, family: name, bits: given }
}

/** Is an address in the list? Its entries can be parsed; any other is no entry. */
export function compileNetworks(texts: ReadonlyArray<string>): (address: string) => boolean {
  const list = new BlockList()
  for (const text of texts) {
    const network = parseNetwork(text)
    if (typeof network === "string") continue
    list.addSubnet(network.address, network.bits, network.family)
  }
  return (address) => {
    const version = isIP(address)
    return (version === 4 || version === 6) && list.check(address, families[version].name)
  }
}
