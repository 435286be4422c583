/**
 * `npm run bench -- crypto`: what the cryptography of one thread costs, with 2,000 distinct keys
 * used at random, against a plain `createCipheriv` per call in the same run. Must hold: both sides
 * of a comparison give the same bytes.
 */

import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify
} from "node:crypto"
import { readFileSync } from "node:fs"
import type { KeyHandle } from "../src/domain/brand.ts"
import { CipherCache } from "../src/security/cipher-cache.ts"
import { aesDukptKey } from "../src/security/dukpt-aes.ts"
import { tdesDukptKey } from "../src/security/dukpt-tdes.ts"
import { openKeyStore, readMasterKey } from "../src/security/key-store.ts"
import { cmac, makeMac, unionPayDigest } from "../src/security/mac.ts"
import { sealPinBlock, translatePin } from "../src/security/pin-block.ts"
import { isFault, type SecurityFault } from "../src/security/security-fault.ts"
import { vaultFrom } from "../src/security/vault.ts"
import { type Operation, race, shuffled } from "./crypto/measure.ts"
import { poolCost } from "./crypto/pool.ts"
import { optionsOf } from "./options.ts"

const { values: options } = optionsOf({
  options: { marks: { type: "boolean" }, quick: { type: "boolean" } }
})
const rounds = options.quick === true ? 12 : 24
const calls = 16_000
const keyCount = 2000

const say = (text: string): void => {
  if (options.marks !== true) process.stdout.write(`${text}\n`)
}
let missed = 0
function mark(name: string, measured: number, target: number, met: boolean): void {
  const verdict = met ? "met" : "missed"
  if (!met) missed++
  process.stdout.write(
    `mark crypto.${name} measured=${measured.toFixed(2)} target=${target} ${verdict}\n`
  )
}

const keys = Array.from({ length: keyCount }, () => randomBytes(16))
const order = shuffled(keyCount, 1 << 16)
const pick = (index: number): number => order[index & 0xffff]!
const cache = new CipherCache()
keys.forEach((key, index) => cache.put(index as KeyHandle, key))
const handle = (index: number): KeyHandle => pick(index) as KeyHandle
const zeros = Buffer.alloc(16)

function right<A>(result: A | SecurityFault): A {
  if (isFault(result)) throw new Error(result.code)
  return result
}

/** Races ours against plain, checks that both agree, and marks the ratio. */
function compare(
  name: string,
  target: number,
  ours: (index: number) => Uint8Array,
  plain: (index: number) => Uint8Array
): void {
  for (let index = 0; index < 50; index++) {
    const same = Buffer.from(ours(index)).equals(Buffer.from(plain(index)))
    if (!same) throw new Error(`${name}: the two sides differ`)
  }
  const [one = 0, other = 0] = race([{ name, run: ours }, { name, run: plain }], rounds, calls)
  say(`${name}: ${one.toFixed(2)} µs, a cipher for each call ${other.toFixed(2)} µs`)
  mark(`${name}-ratio`, other / one, target, other / one >= target)
}

function compareBlocks(): void {
  const block = randomBytes(8)
  compare(
    "tdes-block",
    2.5,
    (index) => right(cache.apply(handle(index), "tdesDecrypt", block)),
    (index) => {
      const cipher = createDecipheriv("des-ede", keys[pick(index)]!, null)
      cipher.setAutoPadding(false)
      return Buffer.concat([cipher.update(block), cipher.final()])
    }
  )
}

/** The plain side keeps nothing between calls: it makes its subkeys, then the chain. */
function compareCmac(): void {
  const message = randomBytes(200)
  compare(
    "aes-cmac",
    2,
    (index) => right(cmac(cache, handle(index), "aes", message)),
    (index) => plainCmac(keys[pick(index)]!, message)
  )
}

function plainCmac(key: Buffer, message: Buffer): Buffer {
  const block = createCipheriv("aes-128-ecb", key, null)
  const subkey = doubled(doubled(block.update(zeros)))
  const blocks = Buffer.alloc(208)
  blocks.set(message)
  blocks[200] = 0x80
  for (let at = 0; at < 16; at++) blocks[192 + at]! ^= subkey[at]!
  const chain = createCipheriv("aes-128-cbc", key, zeros)
  chain.setAutoPadding(false)
  return Buffer.concat([chain.update(blocks), chain.final()]).subarray(192)
}

function compareUnionPay(): void {
  const message = randomBytes(400)
  compare(
    "cup-ecb-400",
    2,
    (index) => right(makeMac(cache, handle(index), { name: "cup-ecb" }, message)),
    (index) => {
      const text = unionPayDigest(message)
      const cipher = createCipheriv("des-ede", keys[pick(index)]!, null)
      cipher.setAutoPadding(false)
      const first = cipher.update(text.subarray(0, 8))
      for (let at = 0; at < 8; at++) first[at]! ^= text[8 + at]!
      const second = Buffer.concat([cipher.update(first), cipher.final()])
      return Buffer.from(second.toString("hex", 0, 4).toUpperCase(), "latin1")
    }
  )
}

function report(operations: ReadonlyArray<Operation>, many: number): void {
  const times = race(operations, rounds, many)
  operations.forEach(({ name }, index) => {
    const us = times[index]!
    say(`${name}: ${us.toFixed(2)} µs, ${Math.round(1e6 / us)} a second`)
  })
}

function reportCards(): void {
  const message = randomBytes(400)
  const pan = "4012345678909"
  const pinKey = (index: number) => ({ source: handle(index), algorithm: "tdes" }) as const
  const sealed = keys.map((key) =>
    right(sealPinBlock(cache, { source: key, algorithm: "tdes" }, 0, pan, "1234", randomBytes))
  )
  report([
    {
      name: "X9.19 over 400 bytes",
      run: (index) => makeMac(cache, handle(index), { name: "x9.19" }, message)
    },
    {
      name: "PIN translation, format 0 to 0",
      run: (index) =>
        translatePin(cache, {
          from: pinKey(index),
          to: pinKey(index + 1),
          fromFormat: 0,
          toFormat: 0,
          pan,
          block: sealed[pick(index)]!
        }, randomBytes)
    }
  ], calls)
  const tdesSerial = Buffer.from("FFFF9876543210E00000", "hex")
  const aesSerial = Buffer.from("123456789012345600000000", "hex")
  report([
    {
      name: "DUKPT triple DES, a PIN key",
      run: (index) => {
        tdesSerial.writeUInt16BE(index % 1000 + 1, 8)
        tdesDukptKey(keys[pick(index)]!, tdesSerial, "pin")
      }
    },
    {
      name: "DUKPT AES-128, a PIN key",
      run: (index) => {
        aesSerial.writeUInt32BE(index % 1000 + 1, 8)
        aesDukptKey(keys[pick(index)]!, aesSerial, "pin", "aes128")
      }
    }
  ], 1000)
}

/** A WeChat Pay notification: RSA-2048 over the body, the payment inside under AES-256-GCM. */
function reportNotification(): void {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const privateKey = createPrivateKey(pair.privateKey.export({ type: "pkcs8", format: "pem" }))
  const publicKey: KeyObject = createPublicKey(privateKey)
  const body = randomBytes(900)
  const rsa = { key: privateKey, padding: constants.RSA_PKCS1_PADDING }
  const signature = sign("sha256", body, rsa)
  const [key, nonce] = [randomBytes(32), randomBytes(12)]
  const cipher = createCipheriv("aes-256-gcm", key, nonce)
  const inside = Buffer.concat([cipher.update(randomBytes(600)), cipher.final()])
  const tag = cipher.getAuthTag()
  report([{
    name: "notification, verify and decrypt",
    run: () => {
      if (!verify("sha256", body, publicKey, signature)) throw new Error("does not verify")
      const decipher = createDecipheriv("aes-256-gcm", key, nonce)
      decipher.setAuthTag(tag)
      decipher.update(inside)
      decipher.final()
    }
  }], 1000)
}

function markVault(): void {
  const master = right(readMasterKey(readFileSync("config/test-master-key.hex", "utf8")))
  const store = right(openKeyStore(readFileSync("config/keys.test.json"), master))
  const vault = right(vaultFrom(store, randomBytes))
  const clear = randomBytes(300)
  const gcmKey = randomBytes(32)
  const nonce = randomBytes(12)
  let count = 0
  const sealed = vault.seal(clear)
  const [seal = 0, gcm = 0, open = 0, digest = 0] = race(
    [
      { name: "seal", run: () => vault.seal(clear) },
      {
        name: "gcm",
        run: () => {
          nonce.writeUInt32BE(count++ >>> 0, 8)
          const cipher = createCipheriv("aes-256-gcm", gcmKey, nonce)
          const text = cipher.update(clear)
          cipher.final()
          Buffer.concat([nonce, text, cipher.getAuthTag()])
        }
      },
      { name: "open", run: () => vault.open(sealed) },
      { name: "digest", run: () => vault.digest("4012345678909") }
    ],
    rounds,
    calls
  )
  say(`vault: seal ${seal.toFixed(2)} µs (AES-256-GCM ${gcm.toFixed(2)}), open ${open.toFixed(2)}`)
  say(`vault: digest ${digest.toFixed(2)} µs`)
  mark("vault-seal-us", seal, 6, seal <= 6)
}

async function markPool(): Promise<void> {
  const { bare, pooled } = await poolCost(rounds)
  say(`a MAC through the pool, 32 in a batch: ${pooled.toFixed(2)} µs, bare ${bare.toFixed(2)} µs`)
  mark("pool-overhead-us", pooled - bare, 5, pooled - bare <= 5)
}

function doubled(block: Buffer): Buffer {
  const result = Buffer.alloc(16)
  for (let at = 0; at < 16; at++) result[at] = (block[at]! << 1) | ((block[at + 1] ?? 0) >> 7)
  if (block[0]! & 0x80) result[15]! ^= 0x87
  return result
}

compareBlocks()
compareCmac()
compareUnionPay()
markVault()
await markPool()
if (options.marks !== true) {
  reportCards()
  reportNotification()
}
process.exitCode = missed === 0 ? 0 : 1
