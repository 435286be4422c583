/** Terminal, keys and issuer of the simulators agree on PINs without talking, and disagree by name. */

import { describe, expect, it } from "vitest"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import { Issuer } from "../../src/simulate/issuer.ts"
import { TerminalKeys } from "../../src/simulate/terminal-keys.ts"
import { testCards, testPin, wrongPin } from "../../src/simulate/test-cards.ts"
import { dialect } from "../iso8583/shipped.ts"

const cup = dialect("cup-pos")
const zone = Buffer.alloc(16, 0x31)

function message(pan: string, block: Uint8Array | undefined) {
  const read = cup.read(cup.build("0200", {
    "2": pan,
    "3": "000000",
    "4": "000000000100",
    "11": "000001",
    "41": "T0000001",
    "42": "M00000000000001",
    "52": block
  }))
  if ("failure" in read) throw new Error(JSON.stringify(read))
  return read
}

function terminal(): TerminalKeys {
  const open = () => ({ mac: Buffer.alloc(8, 1), pin: Buffer.from(zone) })
  const keys = new TerminalKeys(new CipherCache(), 1, cup, open)
  expect(keys.pinBlock(testCards[0], "1234")).toBeUndefined()
  keys.takeDownload(new Uint8Array(40))
  return keys
}

describe("the simulated issuer", () => {
  const issuer = new Issuer(zone, 0)

  it.each(testCards)("knows the PIN of %s, and no other", (pan) => {
    const keys = terminal()
    expect(issuer.judge(message(pan, keys.pinBlock(pan, testPin(pan))))).toBe("right")
    expect(issuer.judge(message(pan, keys.pinBlock(pan, wrongPin(pan))))).toBe("wrong")
    expect(issuer.judge(message(pan, keys.pinBlock(pan, `${testPin(pan)}1`.slice(-12))))).toBe(
      "wrong"
    )
  })

  it("calls a block that does not open wrong, and looks at none where there is none", () => {
    const [one, other] = testCards
    const block = terminal().pinBlock(one, testPin(one))
    expect(issuer.judge(message(other, block))).toBe("wrong")
    expect(issuer.judge(message(one, new Uint8Array(8)))).toBe("wrong")
    expect(issuer.judge(message(one, undefined))).toBe("none")
  })
})
