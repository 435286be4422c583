/** A listener of the configuration file. */

import type { ListenerConfig } from "../domain/config.ts"
import { limits } from "./limits.ts"
import { bounded, host, name, port, tlsShape } from "./part-shapes.ts"
import { choice, defaulted, list, optional, record, required, type Shape, text } from "./shape.ts"

export const listenerShape = record({
  name: required(name, "Its name in logs and metrics."),
  kind: defaulted(
    choice(["iso8583", "devices", "notifications"]),
    "iso8583",
    "Terminals, MessagePack devices, or MessagePack notification streams."
  ),
  host: defaulted(host, "127.0.0.1", "Address to listen on; 0.0.0.0 and :: are all of them."),
  port: required(port, "0 takes a free one."),
  framing: defaulted(
    name,
    "length2",
    "Framing description: framings/<name>.yaml beside this file, or one that comes along."
  ),
  dialect: defaulted(
    name,
    "iso87-ascii",
    "What terminals speak: dialects/<name>.yaml beside this file, or one that comes along."
  ),
  tls: optional(tlsShape, "Present: TLS; absent: plain TCP."),
  balancers: optional(
    list(text("an IP address", /^[0-9A-Fa-f.:]{3,45}$/), 1),
    "Balancers in front, which must open with a PROXY protocol header; nobody else may connect."
  ),
  allow: optional(
    list(text("an IP address or a network such as 10.0.0.0/8", /^[0-9A-Fa-f.:/]{2,49}$/), 1),
    "Who may connect, 1,000 addresses and networks at most; everybody else is closed unheard. " +
      "Behind balancers: whom they name.",
    "live"
  ),
  maxSessions: bounded(limits.maxSessions, "sessions"),
  maxFrameBytes: bounded(limits.maxFrameBytes, "bytes"),
  firstMessageMs: bounded(limits.firstMessageMs, "milliseconds"),
  frameMs: bounded(limits.frameMs, "milliseconds"),
  idleMs: bounded(limits.idleMs, "milliseconds"),
  maxPendingBytes: bounded(limits.maxPendingBytes, "bytes"),
  maxWrongMacs: bounded(limits.maxWrongMacs, ""),
  maxBadMessages: bounded(limits.maxBadMessages, "")
}) satisfies Shape<ListenerConfig>
