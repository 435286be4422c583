/** DUKPT against X9.24-1 and the X9.24-3 supplement's test vectors (protocol facts §5.3 and §5.4). */

import { describe, expect, it } from "vitest"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import {
  aesCounter,
  aesDukptKey,
  type AesDukptType,
  type AesDukptUse,
  aesInitialKey,
  aesTransactionKey
} from "../../src/security/dukpt-aes.ts"
import { deriveDukpt } from "../../src/security/dukpt-key.ts"
import {
  tdesCounter,
  tdesDukptKey,
  tdesInitialKey,
  tdesTransactionKey
} from "../../src/security/dukpt-tdes.ts"
import { keySerialOf } from "../../src/security/key-serial.ts"
import { makeMac } from "../../src/security/mac.ts"
import { sealPinBlock } from "../../src/security/pin-block.ts"
import { fault, isFault } from "../../src/security/security-fault.ts"

const hex = (text: string) => Buffer.from(text, "hex")
const upper = (bytes: unknown) => Buffer.from(bytes as Uint8Array).toString("hex").toUpperCase()
const cache = new CipherCache()
const noChance = (length: number) => new Uint8Array(length)

describe("triple DES DUKPT", () => {
  const base = hex("0123456789ABCDEFFEDCBA9876543210")
  const ksn = (tail: string) => hex(`FFFF9876543210${tail}`)

  it("derives the published initial key", () => {
    expect(upper(tdesInitialKey(base, ksn("E00000")))).toBe("6AC292FAA1315B4D858AB3A3D7D5933A")
    expect(tdesInitialKey(base, ksn("EFF800"))).toEqual(tdesInitialKey(base, ksn("E00000")))
  })

  it.each([
    ["E00001", "042666B49184CFA368DE9628D0397BC9", "1B9C1845EB993A7A", "9CCC7817", "20364223"]
      .concat("448D3F076D8304036A55A3D7E0055A78"),
    ["E00002", "C46551CEF9FD24B0AA9AD834130D3BC7", "10A01C8D02C69107", "F608A9BC", "D1FCA6BE"]
      .concat("F1BE73B36135C5C26CF937D50ABBE5AF"),
    ["E0000A", "6CF2500A22507C7CC776CEADC1E33014", "EDABBA23221833FE", "1632621C", "CE038CC9"]
      .concat("BC9C848366B1F9997656DD8004C5C43B"),
    ["EFF800", "F9CDFEBF4F5B1D9EB3EC12454527E176", "33365F5CC6F23C35", "23E3CB62", "5776C376"]
      .concat("A9E03F541E29B4FDD47141AECF25190B")
  ])("at %s gives the published keys, PIN block and MACs", (...row) => {
    const [tail, transaction, pinBlock, macRequest, macResponse, dataKey] = row
    const serial = ksn(tail!)
    const initial = tdesInitialKey(base, serial) as Buffer
    expect(upper(tdesTransactionKey(initial, serial))).toBe(transaction)
    const pinKey = tdesDukptKey(base, serial, "pin") as Buffer
    const key = { source: pinKey, algorithm: "tdes" } as const
    expect(upper(sealPinBlock(cache, key, 0, "4012345678909", "1234", noChance))).toBe(pinBlock)
    for (const [use, expected] of [["mac-request", macRequest], ["mac-response", macResponse]]) {
      const macKey = tdesDukptKey(base, serial, use as "mac-request") as Buffer
      const mac = makeMac(cache, macKey, { name: "x9.19" }, Buffer.from("4012345678909D987"))
      expect(upper(mac).slice(0, 8)).toBe(expected)
    }
    expect(upper(tdesDukptKey(base, serial, "data-request"))).toBe(dataKey)
    expect(tdesDukptKey(base, serial, "data-response"))
      .not.toEqual(tdesDukptKey(base, serial, "data-request"))
  })

  it("refuses counters that no device may have, and serial numbers of another scheme", () => {
    for (const tail of ["E00000", "FFFFFF", "E007FF"]) {
      expect(tdesCounter(ksn(tail))).toBe(fault("counter-range"))
      expect(tdesDukptKey(base, ksn(tail), "pin")).toBe(fault("counter-range"))
    }
    expect(tdesCounter(ksn("E003FF"))).toBe(0x3ff)
    expect(tdesCounter(ksn("FF8001"))).toBe(0x1f8001)
    expect(tdesDukptKey(base, Buffer.alloc(12), "pin")).toBe(fault("ksn-format"))
    expect(tdesDukptKey(base.subarray(0, 8), ksn("E00001"), "pin")).toBe(fault("key-length"))
    expect(tdesTransactionKey(base.subarray(0, 8), ksn("E00001"))).toBe(fault("key-length"))
  })
})

describe("a key serial number", () => {
  it("is its device and its count", () => {
    expect(keySerialOf(hex("FFFF9876543210FFFFFF")))
      .toEqual({ device: "FFFF 9876 5432 10E0 0000", counter: 0x1fffff })
    expect(keySerialOf(hex("123456789012345600000001")))
      .toEqual({ device: "1234 5678 9012 3456 0000 0000", counter: 1 })
    expect(keySerialOf(hex("1234567890123456FFFF0000"))?.counter).toBe(0xffff0000)
    expect(keySerialOf(hex("1234567890123456"))).toBeUndefined()
  })
})

describe("AES DUKPT", () => {
  const base128 = hex("FEDCBA9876543210F1F1F1F1F1F1F1F1")
  const base192 = hex("FEDCBA9876543210F1F1F1F1F1F1F1F1FEDCBA9876543210")
  const base256 = Buffer.concat([base128, base128])
  const ksn = (counter: number) => {
    const bytes = hex("123456789012345600000000")
    bytes.writeUInt32BE(counter, 8)
    return bytes
  }

  it("derives the published initial keys", () => {
    expect(upper(aesInitialKey(base128, ksn(0)))).toBe("1273671EA26AC29AFA4D1084127652A1")
    expect(upper(aesInitialKey(base256, ksn(0))))
      .toBe("CE9CE0C101D1138F97FB6CAD4DF045A7083D4EAE2D35A31789D01CCF0949550F")
  })

  it.each([
    [1, "4F21B565BAD9835E112B6465635EAE44"],
    [2, "2F34D68DE10F68D38091A73B9E7C437C"],
    [3, "031504E530365CF81264238540518318"],
    [8, "718EE6CF0B27E53D5F7AF99C4D8146A2"],
    [0x1fffe, "E21E8C8D347F8561A2BE752DAA85A111"],
    [0x20000, "F7AE9025468A25D37B7249CFFED224C8"],
    [0x20001, "692C8EA4013645135B36497131DF9D2C"],
    [0xfffe2000, "48E585B694EB0B18D5C35443E163C0BA"],
    [0xffff0000, "F6BA59389BD14A9855BE9727E7C52E3C"]
  ])("at counter %i gives the published derivation key", (counter, key) => {
    const initial = aesInitialKey(base128, ksn(counter)) as Buffer
    expect(upper(aesTransactionKey(initial, ksn(counter)))).toBe(key)
  })

  it("gives the published derivation keys of AES-256", () => {
    const initial = aesInitialKey(base256, ksn(1)) as Buffer
    expect(upper(aesTransactionKey(initial, ksn(1))))
      .toBe("54AC2B32B145EA4A554CB8BC44B17467063A799856B1CCC2A138D36E8DBF78B3")
    expect(upper(aesTransactionKey(initial, ksn(0xffff0000))))
      .toBe("6D6DB7AAAE8B3EA90E57A39E4BBA71E173B21B446B30A78D64BFC6A8806C55EE")
  })

  it.each<readonly [AesDukptUse, string]>([
    ["key-encryption", "36A724B7BEFA5A25F5E7B5782A4554A2"],
    ["pin", "AF8CB133A78F8DC2D1359F18527593FB"],
    ["mac-generate", "A2DC23DE6FDE0824A2BC321E08E4B8B7"],
    ["mac-verify", "DBB463945B286C07CD3AD82EE96FD9C9"],
    ["mac", "85675439D18D7F1158BD8E3EAA3D502B"],
    ["data-encrypt", "A35C412EFD41FDB98B69797C02DCD08F"],
    ["data-decrypt", "16292C6EA8F64C5420A0584BFBC577BE"],
    ["data", "A308E080DD15A1B741F1721BF67DE11C"],
    ["derivation", "30E54D3C69B22501A7FC43969D81D5C0"]
  ])("gives the published key for %s", (use, key) => {
    expect(upper(aesDukptKey(base128, ksn(1), use, "aes128"))).toBe(key)
  })

  it.each<readonly [string, AesDukptType, number, string, string, string]>([
    [
      "128",
      "aes128",
      2,
      "D30BDC73EC9714B000BEC66BDB7B6D09",
      "484C3B06E8562704528CD5B46FB12FB6",
      "D639514AA33AC43AD9229E433D6D4E5B"
    ],
    [
      "128",
      "aes128",
      0x1fffe,
      "DDF7E08A84B5478C498D007C743BF762",
      "6D7623AD652734B8FAE1B6E093EACE3D",
      "8E4E5D5E0F01C54F01F4ACA1C8F8EDCE"
    ],
    [
      "128",
      "tdes2",
      1,
      "630C706D9546E47D4449313F61C4D4AB",
      "5D8FD787E8A796D07035FFCA9B5800BB",
      "BD44121C223F831446A01EE3A4CB58D2"
    ],
    [
      "128",
      "tdes3",
      1,
      "EA8B3F37EB9B15831167EF2977FD8762D9B5913F35766F6A",
      "2A1061A6EAC2C14FAC3758EA07B3648A624B24E942785BF1",
      "F716DFBC6B2D2D5825B694EEEE181A013F2F1C09380BBE0C"
    ],
    [
      "192",
      "aes128",
      3,
      "6DE9A0A37D6927280B7E223C4BE7580F",
      "D2D13AF44E71EB6E8539FFDA3C37A5D6",
      "FDCB88BEA1EFE48EAEE83A48513FF515"
    ],
    [
      "192",
      "aes192",
      1,
      "C5043EDC7F2C001097974D40FF82A050B64A1AB27879F3DB",
      "7FB32FB0F68F0E4A2594765F9EB1C472727EE305A5EE35E1",
      "C1D4541AE0E33949DD03F2A10B5E5486BBCAC1C520320E0C"
    ],
    [
      "256",
      "aes128",
      1,
      "09C9C432966811D6B2C3336BAC1B1202",
      "F04A1FABD4176E15490CEC82E217A96D",
      "616D59AE91F8CC7016F89FDA29605FA4"
    ],
    [
      "256",
      "aes256",
      1,
      "8C1AB7BEE973829E30242E0BBBDD4946D540C98FC1B5BDCF94790001A23FD502",
      "61DABDF4B340CF461EE860B1D1AB55357142BD2D6977306859CF49AEFE8F1549",
      "71EB36C9A6B7F801D1D1700C29741FC5A5C4E9B45D742DA7AF6992B8AA29AF58"
    ]
  ])("from an AES-%s base key gives the published %s keys at counter %i", (
    strength,
    type,
    counter,
    pin,
    mac,
    data
  ) => {
    const base = strength === "128" ? base128 : strength === "192" ? base192 : base256
    expect(upper(aesDukptKey(base, ksn(counter), "pin", type))).toBe(pin)
    expect(upper(aesDukptKey(base, ksn(counter), "mac-generate", type))).toBe(mac)
    expect(upper(aesDukptKey(base, ksn(counter), "data-encrypt", type))).toBe(data)
  })

  it("enciphers the published format 4 block", () => {
    const key = aesDukptKey(base128, ksn(1), "pin", "aes128") as Buffer
    const block = sealPinBlock(
      cache,
      { source: key, algorithm: "aes" },
      4,
      "4111111111111111",
      "1234",
      () => hex("2F69ADDE2E9E7ACE")
    )
    expect(upper(block)).toBe("A912150391AB65A67E52883D81CE2D15")
  })

  it("derives HMAC keys of their own, never stronger than the base key", () => {
    const lengths = (["hmac128", "hmac192", "hmac256"] as const).map((type) => {
      const key = aesDukptKey(base256, ksn(1), "mac", type)
      return isFault(key) ? key.code : key.length
    })
    expect(lengths).toEqual([16, 24, 32])
    for (const type of ["aes192", "aes256", "hmac192", "hmac256"] as const) {
      expect(aesDukptKey(base128, ksn(1), "mac", type)).toBe(fault("algorithm-unfit"))
    }
    expect(aesDukptKey(base256, ksn(1), "mac", "hmac256"))
      .not.toEqual(aesDukptKey(base256, ksn(1), "mac", "aes256"))
  })

  it("refuses counters that no device may have, and serial numbers of another scheme", () => {
    for (const counter of [0, 0x1ffff, 0xffffffff]) {
      expect(aesCounter(ksn(counter))).toBe(fault("counter-range"))
      expect(aesDukptKey(base128, ksn(counter), "pin", "aes128")).toBe(fault("counter-range"))
    }
    expect(aesCounter(ksn(0xffff0000))).toBe(0xffff0000)
    expect(aesDukptKey(base128, Buffer.alloc(10), "pin", "aes128")).toBe(fault("ksn-format"))
    expect(aesDukptKey(Buffer.alloc(8), ksn(1), "pin", "aes128")).toBe(fault("key-length"))
    expect(aesTransactionKey(Buffer.alloc(8), ksn(1))).toBe(fault("key-length"))
  })
})

describe("a base key", () => {
  const header = { usage: "B0", algorithm: "T", mode: "X", keyVersion: "00", exportability: "N" }
  const derived = (change: Partial<typeof header>) =>
    deriveDukpt(
      { ...header, ...change },
      hex("0123456789ABCDEFFEDCBA9876543210"),
      hex("FFFF9876543210E00001"),
      "pin"
    )

  it("gives what may do no more than it was derived for", () => {
    expect(derived({})).toMatchObject({
      purpose: "pin",
      attributes: { usage: "P0", algorithm: "T", mode: "B" }
    })
  })

  it("is none when its block does not say so", () => {
    for (const change of [{ usage: "K0" }, { mode: "E" }, { algorithm: "4" }]) {
      expect(derived(change)).toBe(fault("key-usage"))
    }
  })
})
