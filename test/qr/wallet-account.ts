/** The one throw-away key pair of the signing examples, on every side of every account. */

import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto"
import { readFileSync } from "node:fs"
import type { WalletKeys } from "../../src/qr/wallet.ts"

interface Vector {
  readonly id: string
  readonly text: string
  readonly signature: string
  readonly formBodySha256?: string
  readonly textSha256?: string
  readonly httpBody?: string
  readonly textThatMustFail?: string
  readonly signatureThatMustNotBeProduced?: string
}

const corpus = JSON.parse(
  readFileSync(new URL("../corpus/qr/wallet-signatures.json", import.meta.url), "utf8")
) as {
  readonly privateKeyPkcs8DerBase64: string
  readonly publicKeySpkiDerBase64: string
  readonly vectors: ReadonlyArray<Vector>
}

export function vector(id: string): Vector {
  const found = corpus.vectors.find((each) => each.id === id)
  if (found === undefined) throw new Error(`no vector ${id}`)
  return found
}

export const privateKey: KeyObject = createPrivateKey({
  key: Buffer.from(corpus.privateKeyPkcs8DerBase64, "base64"),
  format: "der",
  type: "pkcs8"
})

export const publicKey: KeyObject = createPublicKey({
  key: Buffer.from(corpus.publicKeySpkiDerBase64, "base64"),
  format: "der",
  type: "spki"
})

/** The wallet's serial in these accounts. */
export const theirSerial = "PUB_KEY_ID_0000000001"

export const keys: WalletKeys = {
  merchantId: "1900000001",
  appId: "wx0000000000000001",
  serial: "00A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3",
  privateKey,
  publicKeys: new Map([[theirSerial, publicKey]]),
  secret: Buffer.from("a shared secret for tests")
}
