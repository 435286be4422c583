/**
 * Every published vector that the cryptography is held to, as one list, in the order of the notes
 * they were collected in (protocol facts 1.8, 1.9 and 5): what was published, and how we make it.
 */

import { decryptBlocks, encryptBlocks, xor } from "../../src/security/block-cipher.ts"
import { encryptTrack } from "../../src/security/card-value.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import { aesDukptKey, aesInitialKey, aesTransactionKey } from "../../src/security/dukpt-aes.ts"
import { tdesDukptKey, tdesInitialKey, tdesTransactionKey } from "../../src/security/dukpt-tdes.ts"
import { diagnostics, echo, hsmFraming, pinFormatCodes } from "../../src/security/hsm-command.ts"
import { unwrapKeyBlock } from "../../src/security/key-block.ts"
import { keyCheckValue } from "../../src/security/key-check.ts"
import { type ClearKeys, readDownload, writeDownload } from "../../src/security/key-download.ts"
import { keyKinds } from "../../src/security/key-kind.ts"
import { makeMac, unionPayDigest } from "../../src/security/mac.ts"
import { openPinBlock, sealPinBlock } from "../../src/security/pin-block.ts"
import { isFault, type SecurityFault } from "../../src/security/security-fault.ts"
import { macVectors } from "./mac-vectors.ts"

interface PublishedVector {
  readonly section: string
  readonly name: string
  readonly published: string
  readonly made: () => string
}

const cache = new CipherCache()
const hex = (text: string) => Buffer.from(text, "hex")
const ascii = (text: string) => Buffer.from(text, "latin1")

function upper(bytes: Uint8Array | SecurityFault): string {
  if (isFault(bytes)) return bytes.code
  return Buffer.from(bytes).toString("hex").toUpperCase()
}

function sound<A>(result: A | SecurityFault): A {
  if (isFault(result)) throw new Error(result.code)
  return result
}

const row = (
  section: string,
  name: string,
  published: string,
  made: () => Uint8Array | SecurityFault | string
): PublishedVector => ({
  section,
  name,
  published,
  made: () => {
    const result = made()
    return typeof result === "string" ? result : upper(result)
  }
})

// --- 1.8: the key download

const master = hex("CA5D92598DCA48CE8A4C76361A9269E9")
const field62 = "6701EAD6A9AD51E51AA406E2C27FCFA98D0A74B8B651F9E9BACE9AE10000000000000000AB7153CA"
const downloaded = () => sound(readDownload("cup-40", master, hex(field62))) as ClearKeys
const zeros = Buffer.alloc(8)

const downloads = [
  row("1.8", "PIK of field 62", "807A23AD32B36D457AE91FDF927570EA", () => downloaded().pin!),
  row("1.8", "MAK of field 62", "5BB5C72CD00B7338", () => downloaded().mac!),
  row("1.8", "field 62 of its keys", field62, () => writeDownload("cup-40", master, downloaded())),
  row(
    "1.8",
    "E(PIK, 0)",
    "8D0A74B8C5EF66C6",
    () => encryptBlocks("tdes", downloaded().pin!, zeros)
  ),
  row(
    "1.8",
    "E(MAK, 0)",
    "AB7153CA985B10C2",
    () => encryptBlocks("tdes", downloaded().mac!, zeros)
  )
]

// --- 1.9: MACs, PIN blocks and tracks of China UnionPay

/** R, E1 and E2 of the published working of each vector. */
const workings = [
  ["1212B04E1227809C", "8B29461A844BA5EC", "BA1B742DBC7B9CAF", "5FE058DB90680D33"],
  ["4D08F434464FE7BF", "6A4DF084B6D23759", "5E7BC4C2F3E5751F", "8A9E91B88D839AC5"],
  ["18851A99E017502B", "20EC0A953EA6F8D7", "65DC3BA20B96CA95", "A25D44463E410A56"]
] as const

const unionPay = macVectors.flatMap(({ covered, field, key, name }, index) => {
  const [sum, first, mixed, second] = workings[index]!
  const digest = unionPayDigest(hex(covered))
  const e1 = () => encryptBlocks("tdes", hex(key), digest.subarray(0, 8))
  const x = () => xor(e1(), digest.subarray(8))
  return [
    row("1.9", `R of ${name}`, sum, () => digest.toString("latin1")),
    row("1.9", `E1 of ${name}`, first, e1),
    row("1.9", `X of ${name}`, mixed, x),
    row("1.9", `E2 of ${name}`, second, () => encryptBlocks("tdes", hex(key), x())),
    row(
      "1.9",
      `field 64 of ${name}`,
      field,
      () => makeMac(cache, hex(key), { name: "cup-ecb" }, hex(covered))
    )
  ]
})

const anyKey = hex("0123456789ABCDEFFEDCBA9876543210")

/** The block before it is enciphered, its random part from `chance`. */
function clearBlock(format: 0 | 1 | 3, pan: string, pin: string, chance = 0) {
  const key = { source: anyKey, algorithm: "tdes" } as const
  const random = (length: number) => new Uint8Array(length).fill(chance)
  return decryptBlocks("tdes", anyKey, sound(sealPinBlock(cache, key, format, pan, pin, random)))
}

const trackKey = anyKey
/** Track 2 as it is packed, and a track 3 whose last block but one byte is the published one. */
const tracks = ["1234567890123456789D0508201781999168302F", "110000003D0000000011"] as const
const enciphered = (track: string) => {
  const made = sound(encryptTrack("tdes", trackKey, hex(track)))
  return made.subarray(made.length - 9, made.length - 1)
}

const unionPayOther = [
  row(
    "1.9",
    "key of vector B",
    "C24A8FB57AA20123",
    () => decryptBlocks("tdes", hex("70F2A84CCBC2AE8625CBB0F2C22AB923"), hex("96D605EA176B7E9E"))
  ),
  row(
    "1.9",
    "PIN block, 18 digits",
    "061253DFFEDCBA98",
    () => clearBlock(0, "123456789012345678", "123456")
  ),
  row(
    "1.9",
    "PIN block, 16 digits",
    "0612713176FEDCBA",
    () => clearBlock(0, "1234567890123456", "123456")
  ),
  row(
    "1.9",
    "PIN block before the PAN",
    "06123456FFFFFFFF",
    () => xor(clearBlock(0, "1234567890123456", "123456"), hex("0000456789012345"))
  ),
  row("1.9", "track 2", "4CFC20D6F04568AC", () => enciphered(tracks[0])),
  row("1.9", "track 3", "B95A14C2E036B091", () => enciphered(tracks[1]))
]

// --- 5.1: PIN blocks

const aesPin = "00112233445566778899AABBCCDDEEFF"
const opened = { key: hex("C1D0F8FB4958670DBA40AB1F3752EF0D"), pan: "432198765432109870" }
const openedBlock = hex("CC17F65586BFD0953010226C4FC5B3CA")

const pinBlocks = [
  row("5.1", "0, a", "041261AAAAEDCBA9", () => clearBlock(0, "5555555551234567", "1234")),
  row("5.1", "0, b", "0C1261032D8226A9", () => clearBlock(0, "5555555551234567", "123456789012")),
  row("5.1", "0, c", "041274EDCBA9876F", () => clearBlock(0, "4012345678909", "1234")),
  row("5.1", "1", "1412345555555555", () => clearBlock(1, "", "1234", 0x55)),
  row("5.1", "2 is the chip's, and is refused", "pin-format", () => {
    const block = encryptBlocks("tdes", anyKey, hex("241234FFFFFFFFFF"))
    const key = { source: anyKey, algorithm: "tdes" } as const
    const result = openPinBlock(cache, key, 1, "5555555551234567", block, () => "opened")
    return isFault(result) ? result.code : result
  }),
  row("5.1", "3, F", "341261AAAAEDCBA9", () => clearBlock(3, "5555555551234567", "1234", 0xff)),
  row("5.1", "3, A", "341261FFFFB89EFC", () => clearBlock(3, "5555555551234567", "1234", 0)),
  row("5.1", "4, sealed", "28B41FDDD29B743E93124BD8E32D921E", () =>
    sealPinBlock(
      cache,
      { source: hex(aesPin), algorithm: "aes" },
      4,
      "1234567890123456789",
      "1234",
      (length) => new Uint8Array(length).fill(0xff)
    )),
  row("5.1", "4, card number field", "71234567890123456789000000000000", () => {
    const chance = (length: number) => new Uint8Array(length).fill(0xff)
    const key = { source: hex(aesPin), algorithm: "aes" } as const
    const block = sound(sealPinBlock(cache, key, 4, "1234567890123456789", "1234", chance))
    const inner = encryptBlocks("aes", hex(aesPin), hex("441234AAAAAAAAAAFFFFFFFFFFFFFFFF"))
    return xor(decryptBlocks("aes", hex(aesPin), block), inner)
  }),
  row("5.1", "4, opened", "1234", () => {
    const key = { source: opened.key, algorithm: "aes" } as const
    return sound(openPinBlock(cache, key, 4, opened.pan, openedBlock, (pin) => pin.join("")))
  }),
  row("5.1", "4, PIN field", "441234AAAAAAAAAA146C6601F4A8035C", () => {
    const outer = decryptBlocks("aes", opened.key, openedBlock)
    return decryptBlocks("aes", opened.key, xor(outer, hex("64321987654321098700000000000000")))
  })
]

// --- 5.2: MACs

const double = anyKey
const time24 = "Now is the time for all "
const time22 = "Now is the time for it"
const psecKey = ascii("AAAAAAAABBBBBBBB")
const macOf = (name: "x9.9" | "x9.19", padding: 1 | 2 | 3, key: Uint8Array, text: string) => () =>
  makeMac(cache, key, { name, padding }, ascii(text))

const macs = [
  row("5.2", "9.9", "70A30640CC76DD8B", macOf("x9.9", 1, double.subarray(0, 8), time24)),
  row("5.2", "9.19 pad 1", "A1C72E74EA3FA9B6", macOf("x9.19", 1, double, time24)),
  row("5.2", "9.19 pad 2", "E9086230CA3BE796", macOf("x9.19", 2, double, time24)),
  row("5.2", "9.19 pad 3", "AB059463D7A7D170", macOf("x9.19", 3, double, time24)),
  row("5.2", "9.19 pad 1, 22 bytes", "2E2B1428CC78254F", macOf("x9.19", 1, double, time22)),
  row("5.2", "9.19 pad 2, 22 bytes", "5A692CE64F404145", macOf("x9.19", 2, double, time22)),
  row(
    "5.2",
    "FIPS 113",
    "F1D30F6849312CA4",
    macOf("x9.9", 1, double.subarray(0, 8), "7654321 Now is the time for ")
  ),
  row("5.2", "psec pad 1", "3DDE5C5511661CBF", macOf("x9.19", 1, psecKey, "hello world")),
  row("5.2", "psec pad 2", "E16941032C3BC7D4", macOf("x9.19", 2, psecKey, "hello world")),
  row("5.2", "psec pad 3", "BA90F750EF43F668", macOf("x9.19", 3, psecKey, "hello world"))
]

// --- 5.3: DUKPT with triple DES

const base = anyKey
const serial = (tail: string) => hex(`FFFF9876543210${tail}`)
const tdesRows = [
  ["E00001", "042666B49184CFA368DE9628D0397BC9", "1B9C1845EB993A7A", "9CCC7817", "20364223"]
    .concat("448D3F076D8304036A55A3D7E0055A78"),
  ["E00002", "C46551CEF9FD24B0AA9AD834130D3BC7", "10A01C8D02C69107", "F608A9BC", "D1FCA6BE"]
    .concat("F1BE73B36135C5C26CF937D50ABBE5AF"),
  ["E0000A", "6CF2500A22507C7CC776CEADC1E33014", "EDABBA23221833FE", "1632621C", "CE038CC9"]
    .concat("BC9C848366B1F9997656DD8004C5C43B"),
  ["EFF800", "F9CDFEBF4F5B1D9EB3EC12454527E176", "33365F5CC6F23C35", "23E3CB62", "5776C376"]
    .concat("A9E03F541E29B4FDD47141AECF25190B")
]

const tdesDukpt = [
  row(
    "5.3",
    "IPEK",
    "6AC292FAA1315B4D858AB3A3D7D5933A",
    () => tdesInitialKey(base, serial("E00000"))
  ),
  ...tdesRows.flatMap(
    ([tail = "", transaction = "", pin = "", request = "", response = "", data = ""]) => {
      const mac = (use: "mac-request" | "mac-response") => () => {
        const key = sound(tdesDukptKey(base, serial(tail), use))
        const made = sound(makeMac(cache, key, { name: "x9.19" }, ascii("4012345678909D987")))
        return upper(made).slice(0, 8)
      }
      return [
        row("5.3", `transaction key ${tail}`, transaction, () => {
          const initial = sound(tdesInitialKey(base, serial(tail)))
          return tdesTransactionKey(initial, serial(tail))
        }),
        row("5.3", `PIN block ${tail}`, pin, () => {
          const source = sound(tdesDukptKey(base, serial(tail), "pin"))
          const noChance = () => new Uint8Array(0)
          const key = { source, algorithm: "tdes" } as const
          return sealPinBlock(cache, key, 0, "4012345678909", "1234", noChance)
        }),
        row("5.3", `MAC of a request ${tail}`, request, mac("mac-request")),
        row("5.3", `MAC of a response ${tail}`, response, mac("mac-response")),
        row("5.3", `data key ${tail}`, data, () => tdesDukptKey(base, serial(tail), "data-request"))
      ]
    }
  ),
  // What differs between a transaction key and the key of a use is the mask.
  ...(
    [
      ["pin", "00000000000000FF00000000000000FF"],
      ["mac-request", "000000000000FF00000000000000FF00"],
      ["mac-response", "00000000FF00000000000000FF000000"]
    ] as const
  ).map(([use, mask]) =>
    row("5.3", `mask of ${use}`, mask, () => {
      const initial = sound(tdesInitialKey(base, serial("E00001")))
      const transaction = sound(tdesTransactionKey(initial, serial("E00001")))
      return xor(transaction, sound(tdesDukptKey(base, serial("E00001"), use)))
    })
  ),
  row("5.3", "mask of data-request", "0000000000FF00000000000000FF0000", () => {
    const initial = sound(tdesInitialKey(base, serial("E00001")))
    const transaction = sound(tdesTransactionKey(initial, serial("E00001")))
    const variant = xor(transaction, hex("0000000000FF00000000000000FF0000"))
    const data = sound(tdesDukptKey(base, serial("E00001"), "data-request"))
    return xor(transaction, decryptBlocks("tdes", variant, data))
  })
]

// --- 5.4: DUKPT with AES

const aesBase = hex("FEDCBA9876543210F1F1F1F1F1F1F1F1")
const aesSerial = (counter: number) => {
  const bytes = hex("123456789012345600000000")
  bytes.writeUInt32BE(counter, 8)
  return bytes
}
const aesRows = [
  [1, "4F21B565BAD9835E112B6465635EAE44", "AF8CB133A78F8DC2D1359F18527593FB"],
  [2, "2F34D68DE10F68D38091A73B9E7C437C", "D30BDC73EC9714B000BEC66BDB7B6D09"],
  [0x1fffe, "E21E8C8D347F8561A2BE752DAA85A111", "DDF7E08A84B5478C498D007C743BF762"]
] as const
const aesMore = [
  ["A2DC23DE6FDE0824A2BC321E08E4B8B7", "A35C412EFD41FDB98B69797C02DCD08F"],
  ["484C3B06E8562704528CD5B46FB12FB6", "D639514AA33AC43AD9229E433D6D4E5B"],
  ["6D7623AD652734B8FAE1B6E093EACE3D", "8E4E5D5E0F01C54F01F4ACA1C8F8EDCE"]
] as const

const aesDukpt = [
  row("5.4", "IK", "1273671EA26AC29AFA4D1084127652A1", () => aesInitialKey(aesBase, aesSerial(0))),
  ...aesRows.flatMap(([counter, derivation, pin], index) => {
    const [mac, data] = aesMore[index]!
    const key = (use: "pin" | "mac-generate" | "data-encrypt") => () =>
      aesDukptKey(aesBase, aesSerial(counter), use, "aes128")
    return [
      row("5.4", `derivation key ${counter}`, derivation, () => {
        const initial = sound(aesInitialKey(aesBase, aesSerial(counter)))
        return aesTransactionKey(initial, aesSerial(counter))
      }),
      row("5.4", `PIN key ${counter}`, pin, key("pin")),
      row("5.4", `MAC key ${counter}`, mac, key("mac-generate")),
      row("5.4", `data key ${counter}`, data, key("data-encrypt"))
    ]
  }),
  row("5.4", "PIN block of format 4", "A912150391AB65A67E52883D81CE2D15", () => {
    const source = sound(aesDukptKey(aesBase, aesSerial(1), "pin", "aes128"))
    const random = () => hex("2F69ADDE2E9E7ACE")
    const key = { source, algorithm: "aes" } as const
    return sealPinBlock(cache, key, 4, "4111111111111111", "1234", random)
  })
]

// --- 5.5 to 5.7: check values, key blocks, host commands

const kcv = (kind: keyof typeof keyKinds, key: Uint8Array, form?: "ecb") =>
  sound(keyCheckValue(keyKinds[kind].attributes, key, form))
const checkValues = [
  row("5.5", "triple DES", "08D7B4", () => kcv("dukpt-base", base)),
  row("5.5", "AES", "FF0BD7C455", () => kcv("dukpt-base-aes", aesBase)),
  row("5.5", "AES, legacy form", "ED6429", () => kcv("dukpt-base-aes", aesBase, "ecb"))
]

const blocks = [
  ["A", "89E88CF7931444F334BD7547FC3F380C", "F039121BEC83D26B169BDCD5B22AAF8F", "CB9DEA"]
    .concat("A0072P0TE00E0000F5161ED902807AF26F1D62263644BD24192FDB3193C730301CEE8701"),
  ["B", "DD7515F2BFC17F85CE48F3CA25CB21F6", "3F419E1CB7079442AA37474C2EFBF8B8", "57C409"]
    .concat(
      "B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A248E"
    ),
  [
    "D",
    "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6",
    "3F419E1CB7079442AA37474C2EFBF8B8",
    "08793E"
  ].concat(
    "D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A2" +
      "7E8E31DA05F7425509593D03A457DC34"
  )
].flatMap(([version = "", protection = "", key = "", check = "", block = ""]) => [
  row(
    "5.6",
    `key of version ${version}`,
    key,
    () => sound(unwrapKeyBlock(hex(protection), block)).key
  ),
  row("5.6", `check value of version ${version}`, check, () => {
    const open = sound(unwrapKeyBlock(hex(protection), block))
    return sound(keyCheckValue(open.attributes, open.key)).slice(0, 6)
  })
])

const framing = hsmFraming(4)
const hostCommands = [
  row(
    "5.7",
    "diagnostics",
    "0006535353534E43",
    () => framing.encode(ascii("SSSS"), diagnostics())!
  ),
  row(
    "5.7",
    "echo",
    "3939393942323030303450494E47",
    () => framing.encode(ascii("9999"), echo("PING"))!.subarray(2)
  ),
  row(
    "5.7",
    "PIN format codes",
    "01 05 47 48",
    () => ([0, 1, 3, 4] as const).map((format) => pinFormatCodes[format]).join(" ")
  )
]

export const publishedVectors: ReadonlyArray<PublishedVector> = [
  ...downloads,
  ...unionPay,
  ...unionPayOther,
  ...pinBlocks,
  ...macs,
  ...tdesDukpt,
  ...aesDukpt,
  ...checkValues,
  ...blocks,
  ...hostCommands
]
