/** What the listeners of a site speak, compiled from `config/`, and MACs made with plain keys. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import type { KeyHandle } from "../../src/domain/brand.ts"
import { compileFraming } from "../../src/frame/compile.ts"
import type { Framing } from "../../src/frame/framing.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import { makeMac } from "../../src/security/mac.ts"
import { isFault } from "../../src/security/security-fault.ts"
import { dialect } from "../iso8583/shipped.ts"
import type { Speech } from "./caller.ts"

const root = join(import.meta.dirname, "..", "..")

function framing(name: string): Framing {
  const text = readFileSync(join(root, "config", "framings", `${name}.yaml`), "utf8")
  const made = compileFraming(parse(text))
  if (!("deframer" in made)) throw new Error(JSON.stringify(made))
  return made
}

export const cup = {
  dialect: dialect("cup-pos"),
  framing: framing("cup-tpdu")
} satisfies Speech

export const ascii = {
  dialect: dialect("iso87-ascii"),
  framing: framing("length2")
} satisfies Speech

/** The MAC of a China UnionPay body whose last eight bytes are the field for it. */
export function cupMac(key: Uint8Array, body: Uint8Array): Buffer {
  const cache = new CipherCache()
  cache.put(1 as KeyHandle, key)
  const mac = makeMac(cache, 1 as KeyHandle, { name: "cup-ecb" }, body.subarray(0, -8))
  if (isFault(mac)) throw new Error(mac.code)
  return Buffer.from(mac)
}
