/** Decodes in place with the real dialects, and checks and makes MACs by the security module. */

import type { KeyHandle } from "../../src/domain/brand.ts"
import type { CodecLane, CodecShape, MacVerdict } from "../../src/domain/ports/codec.ts"
import type { SecurityModuleShape } from "../../src/domain/ports/security-module.ts"
import type { MacRule, Message } from "../../src/iso8583/message.ts"
import { macField } from "../../src/security/mac.ts"

export function inPlaceCodec(security: SecurityModuleShape): CodecShape {
  let lanes = 0
  return {
    lane: (): CodecLane => ({ id: ++lanes, pending: () => 0, close: () => {} }),
    decode: (_, dialect, body, key, done) => {
      const read = dialect.read(body)
      if (!("mti" in read)) done({ _tag: "fault", fault: read })
      else if (key === undefined) done({ _tag: "message", message: read, mac: "unchecked" })
      else check(security, read, key, (mac) => done({ _tag: "message", message: read, mac }))
      return true
    },
    verify: (_, message, key, done) => check(security, message, key, done),
    seal: (_, dialect, body, key, done) => {
      const { mac } = dialect
      if (mac === undefined) return done(undefined)
      const covered = body.subarray(0, body.length - 8)
      security.makeMac(key, mac.algorithm, covered, (made) => {
        if (made === undefined) return done(undefined)
        body.set(fieldOf(mac, made), body.length - 8)
        done(body)
      })
    },
    verifyNotification: () => {},
    congested: () => false,
    onRelief: () => {}
  }
}

function check(
  security: SecurityModuleShape,
  message: Message,
  key: KeyHandle,
  done: (verdict: MacVerdict) => void
): void {
  const { mac } = message.dialect
  const sent = mac === undefined ? undefined : message.raw(String(mac.field))
  if (mac === undefined || sent === undefined) return done("absent")
  const covered = message.bytes.subarray(0, message.bytes.length - 8)
  security.makeMac(key, mac.algorithm, covered, (made) =>
    done(
      made !== undefined && Buffer.from(sent).equals(fieldOf(mac, made)) ? "right" : "wrong"
    ))
}

function fieldOf(rule: MacRule, made: Uint8Array): Uint8Array {
  return macField(made, rule.algorithm, rule.form)
}
