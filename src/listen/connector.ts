/**
 * Outgoing connections. What must hold: exactly one of `connected` and `failed` is called, unless
 * the caller gave up before; nothing is written before the connection stands, TLS included.
 */

import { readFileSync } from "node:fs"
import { connect as connectPlain, type Socket } from "node:net"
import {
  connect as connectTls,
  type ConnectionOptions,
  createSecureContext,
  type SecureContext
} from "node:tls"
import type { TimersShape } from "../actor/timers.ts"
import type { TimeShape } from "../domain/ports/time.ts"
import type { Connection, ConnectionHandler, ConnectOptions } from "../domain/ports/transport.ts"
import { probeAfterMs } from "./listener.ts"
import { codeOf, fileMark } from "./secure-files.ts"
import { remoteOf, SocketConnection } from "./socket-connection.ts"

interface ConnectorHouse {
  readonly time: TimeShape
  readonly timers: TimersShape
  readonly nextId: () => number
}

/** Starts a connect; the returned function gives up. */
export function startConnect(
  house: ConnectorHouse,
  options: ConnectOptions,
  connected: (connection: Connection) => ConnectionHandler,
  failed: (code: string) => void
): () => void {
  let settled = false
  let socket: Socket | undefined
  const settle = (): boolean => {
    if (settled) return false
    settled = true
    deadline.cancel()
    return true
  }
  const fail = (code: string) => {
    if (!settle()) return
    socket?.destroy()
    failed(code)
  }
  const stand = (standing: Socket) => {
    if (!settle()) return
    standing.off("error", refused).off("close", closedEarly)
    const connection = new SocketConnection(house.nextId(), standing, remoteOf(standing), undefined)
    connection.serve(connected(connection))
  }
  const refused = (error: NodeJS.ErrnoException) => fail(firstCode(error))
  const closedEarly = () => fail("ECONNRESET")
  const deadline = house.timers.after(options.timeoutMs, () => fail("ETIMEDOUT"))
  try {
    socket = opened(options, stand)
  } catch (cause) {
    const code = codeOf(cause)
    house.time.defer(() => fail(code))
    return settle
  }
  socket.on("error", refused).on("close", closedEarly)
  return () => {
    if (settle()) socket?.on("error", () => {}).destroy()
  }
}

type ConnectTls = NonNullable<ConnectOptions["tls"]>

function opened(options: ConnectOptions, stand: (socket: Socket) => void): Socket {
  const { host, localAddress, port, tls } = options
  const where = {
    host,
    port,
    allowHalfOpen: true,
    ...(localAddress === undefined ? {} : { localAddress })
  }
  const socket: Socket = tls === undefined
    ? connectPlain(where, () => stand(socket))
    : connectTls({ ...where, ...secureOptions(tls) }, () => stand(socket))
  // TLS 1.3 sends its tickets after the handshake; the newest one opens the next connection.
  const resumption = tls?.resumption
  if (resumption !== undefined) {
    socket.on("session", (session: Buffer) => {
      resumption.session = session
    })
  }
  return socket.setNoDelay(true).setKeepAlive(true, probeAfterMs)
}

function secureOptions(tls: ConnectTls): ConnectionOptions {
  const { resumption, serverName } = tls
  return {
    secureContext: contextOf(tls),
    ...(resumption?.session === undefined ? {} : { session: resumption.session }),
    ...(serverName === undefined ? {} : { servername: serverName })
  }
}

interface Held {
  readonly marks: string
  readonly context: SecureContext
}

/**
 * Reading and parsing the files costs more than the handshake; changed ones are read again. By the
 * names of the files: as many as a configuration has.
 */
const contexts = new Map<string, Held>()

function contextOf(tls: ConnectTls): SecureContext {
  const { authorityFile, certificateFile, keyFile } = tls
  const files = [authorityFile, certificateFile, keyFile]
  const name = files.join("\n")
  const marks = files.map(fileMark).join()
  const held = contexts.get(name)
  if (held?.marks === marks) return held.context
  const context = createSecureContext({
    minVersion: "TLSv1.2",
    ...(authorityFile === undefined ? {} : { ca: readFileSync(authorityFile) }),
    ...(keyFile === undefined ? {} : { key: readFileSync(keyFile) }),
    ...(certificateFile === undefined ? {} : { cert: readFileSync(certificateFile) })
  })
  contexts.set(name, { marks, context })
  return context
}

/** A host with several addresses fails with all their errors at once; the first one speaks. */
function firstCode(error: NodeJS.ErrnoException): string {
  return error instanceof AggregateError ? codeOf(error.errors[0]) : codeOf(error)
}
