/** An upstream of the configuration file: an acquirer over ISO 8583, or a wallet over HTTP. */

import type { AdviceConfig, BreakerConfig, LinkTls, UpstreamConfig } from "../domain/config.ts"
import { limits } from "./limits.ts"
import {
  bounded,
  cutOverTime,
  filePath,
  host,
  keyName,
  name,
  pinFormat,
  port,
  reconnect
} from "./part-shapes.ts"
import {
  choice,
  defaulted,
  flag,
  list,
  optional,
  record,
  required,
  section,
  type Shape,
  share,
  table,
  text
} from "./shape.ts"

const code = text("a response code of 1 to 3 letters or digits", /^[A-Za-z0-9]{1,3}$/)

const breaker = record({
  windowMs: bounded(limits.breakerWindowMs, "milliseconds"),
  minimumCalls: bounded(limits.breakerMinimumCalls, "calls"),
  failuresInARow: bounded(limits.breakerFailuresInARow, "calls"),
  failureShare: defaulted(share, 0.5, "Share of technical failures in the window that opens it."),
  slowShare: defaulted(
    share,
    0.5,
    "Share of requests in the window that waited above slowMs, answered or not; that opens it."
  ),
  slowMs: bounded(limits.breakerSlowMs, "milliseconds"),
  openMs: bounded(limits.breakerOpenMs, "milliseconds"),
  maxOpenMs: bounded(limits.breakerMaxOpenMs, "milliseconds"),
  probesToClose: bounded(limits.probesToClose, "calls"),
  technicalCodes: defaulted(
    list(code),
    ["91", "92", "96"],
    "Response codes that count as technical failures; declines are health."
  )
}) satisfies Shape<BreakerConfig>

const advice = record({
  firstMs: bounded(limits.adviceFirstMs, "milliseconds"),
  maxMs: bounded(limits.adviceMaxMs, "milliseconds"),
  timeoutMs: bounded(limits.adviceTimeoutMs, "milliseconds"),
  alertAfterAttempts: bounded(limits.alertAfterAttempts, "attempts"),
  expireAfterMs: bounded(limits.expireAfterMs, "milliseconds")
}) satisfies Shape<AdviceConfig>

const inquiry = record({
  firstMs: bounded(limits.inquiryFirstMs, "milliseconds"),
  everyMs: bounded(limits.inquiryEveryMs, "milliseconds"),
  giveUpMs: bounded(limits.inquiryGiveUpMs, "milliseconds"),
  undoNotBeforeMs: bounded(limits.undoNotBeforeMs, "milliseconds")
})

const link = record({
  host: defaulted(host, "127.0.0.1", "Address or name of the upstream."),
  port: required(port, "Its port.")
})

const pin = record({
  key: required(keyName, "The zone PIN key that it shares with us, by its name in the key store."),
  format: defaulted(
    pinFormat,
    0,
    "Format of the blocks under it, as ISO 9564-1 numbers them: 0, 1, 3 or 4."
  )
})

const tls = record({
  authorityFile: optional(
    filePath,
    "Authorities its certificate must come from, PEM; else the system's."
  ),
  serverName: optional(host, "Name its certificate must have; else the link's host."),
  certificateFile: optional(filePath, "Our certificate, where it wants one, PEM."),
  keyFile: optional(filePath, "The key of our certificate, PEM.")
}) satisfies Shape<LinkTls>

export const upstreamShape = record({
  name: required(name, "What routes call it."),
  kind: defaulted(choice(["iso8583", "wallet"]), "iso8583", "How it is spoken to."),
  links: defaulted(list(link), [], "ISO 8583: one or more connections to keep."),
  framing: defaulted(name, "length2", "ISO 8583: its framing description."),
  dialect: defaulted(name, "iso87-ascii", "ISO 8583: what it speaks."),
  mappings: defaulted(
    table(name),
    {},
    "Mapping by the terminals' dialect: mappings/<name>.yaml; the same dialect needs none."
  ),
  tls: optional(tls, "ISO 8583: present: every link is TLS; absent: plain TCP."),
  privateLine: defaulted(
    flag,
    false,
    "Says that no stranger is on the way to it, so that plain TCP and http may leave loopback."
  ),
  acquirerId: defaulted(
    text("up to 11 digits", /^\d{1,11}$/),
    "0",
    "Our institution, field 32 of what we send."
  ),
  cutOver: optional(
    cutOverTime,
    "Local time at which its business day ends; absent: with the switch."
  ),
  macKey: optional(
    keyName,
    "Key of the MACs on its links, by its name in the key store; absent: none are made or checked."
  ),
  pin: optional(
    pin,
    "How PINs go to it. Absent: not at all, but within one dialect as the terminal sent them."
  ),
  signOn: defaulted(flag, true, "Sign on when a link stands, before anything else is sent."),
  echoAfterIdleMs: bounded(limits.echoAfterIdleMs, "milliseconds"),
  echoMinIntervalMs: bounded(limits.echoMinIntervalMs, "milliseconds"),
  echoMissesBeforeDown: bounded(limits.echoMissesBeforeDown, "echoes"),
  window: bounded(limits.window, "requests"),
  adviceShare: defaulted(share, 0.25, "Share of the window that reversals may take."),
  timeoutMs: bounded(limits.upstreamTimeoutMs, "milliseconds"),
  connectTimeoutMs: bounded(limits.connectTimeoutMs, "milliseconds"),
  reconnect,
  breaker: section(breaker, "When it is left alone because it is sick."),
  advice: section(advice, "How reversals are repeated."),
  account: optional(name, "Wallet: name of its account in `public.accounts`."),
  url: optional(
    text("an http or https URL", /^https?:\/\/[^\s@]{1,200}$/),
    "Wallet: base URL of its API."
  ),
  inquiry: optional(inquiry, "Wallet: how a payment in doubt is asked after, and undone.")
}) satisfies Shape<UpstreamConfig>
