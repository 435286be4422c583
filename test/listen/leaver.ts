/**
 * Connects to the port of its first argument, writes as many bytes as the second says, and leaves:
 * the process ends when nothing keeps it.
 */

import { Transport } from "../../src/domain/ports/transport.ts"
import { built } from "../actor/built.ts"
import { machineTransport, Recorder } from "./machine.ts"

const [port = "0", bytes = "0"] = process.argv.slice(2)
const machine = built(machineTransport)
machine.get(Transport).connect(
  { host: "127.0.0.1", port: Number(port), timeoutMs: 5000 },
  (connection) => {
    connection.write(Buffer.alloc(Number(bytes), 0x61))
    connection.leave()
    void machine.close()
    return new Recorder(connection)
  },
  (code) => {
    process.stderr.write(`${code}\n`)
    process.exitCode = 1
  }
)
