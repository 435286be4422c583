/**
 * A session station and the terminals that call it, each in processes of their own: one station,
 * two processes of terminals. Must hold: a process that ends fails the bench.
 */

import { type ChildProcess, fork } from "node:child_process"
import { join } from "node:path"
import type { Measured } from "./switch.ts"
import type { Connected } from "./terminals.ts"

const started: Array<ChildProcess> = []
process.on("exit", () => {
  for (const child of started) child.kill("SIGKILL")
})

function start(file: string, args: ReadonlyArray<string>): ChildProcess {
  const child = fork(join(import.meta.dirname, file), args, { execArgv: ["--expose-gc"] })
  started.push(child)
  return child
}

function hear<A>(child: ChildProcess): Promise<A> {
  return new Promise((resolve, reject) => {
    const take = (message: unknown) => {
      child.off("exit", gone)
      resolve(message as A)
    }
    const gone = (code: number | null) => {
      reject(new Error(`a process of the bench ended with ${code}`))
    }
    child.once("message", take)
    child.once("exit", gone)
  })
}

function ask<A>(child: ChildProcess, question: object): Promise<A> {
  const answer = hear<A>(child)
  child.send(question)
  return answer
}

export interface House {
  /** What the station holds, garbage collected; its loop's delay since the last time. */
  readonly measure: () => Promise<Measured>
  /** Each process connects half of the range, and signs it on. */
  readonly connect: (from: number, to: number) => Promise<Connected>
  readonly drop: () => Promise<unknown>
  readonly close: () => void
}

/** With code and tables warm. */
export async function openHouse(terminals: number, tls: boolean): Promise<House> {
  const station = start("switch.ts", [String(terminals)])
  const ports = await hear<{ readonly port: number; readonly tlsPort: number }>(station)
  const port = tls ? ports.tlsPort : ports.port
  const fleets = [start("terminals.ts", []), start("terminals.ts", [])]
  const connect = async (from: number, to: number): Promise<Connected> => {
    const middle = Math.floor((from + to) / 2)
    const [one, other] = await Promise.all([
      ask<Connected>(fleets[0]!, { from, to: middle, port, tls }),
      ask<Connected>(fleets[1]!, { from: middle, to, port, tls })
    ])
    return {
      signedOn: one.signedOn + other.signedOn,
      failed: one.failed + other.failed,
      resumed: one.resumed + other.resumed,
      ms: Math.max(one.ms, other.ms)
    }
  }
  const drop = () => Promise.all(fleets.map((fleet) => ask<Connected>(fleet, { drop: true })))
  await connect(0, 200)
  await drop()
  await new Promise((resolve) => setTimeout(resolve, 500))
  return {
    measure: () => ask<Measured>(station, { measure: true }),
    connect,
    drop,
    close: () => {
      for (const child of [station, ...fleets]) {
        child.removeAllListeners("exit")
        child.kill()
      }
    }
  }
}
