/**
 * A terminal of the load generator: one socket, one question at a time. Must hold: an answer counts
 * only for the question whose STAN it carries; anything else is a stray.
 */

import { createDecipheriv } from "node:crypto"
import { connect } from "node:net"
import type { Socket } from "node:net"
import type { TerminalKey } from "./orders.ts"
import { signOnFrame } from "./sale.ts"
import { codeText, fieldAt, FrameSplitter, readDigits, responseCode, stanOffset } from "./wire.ts"

const signOnTimeoutMs = 30_000

type Answered = (index: number, code: number, frame: Buffer) => void

export class Terminal {
  readonly key: TerminalKey
  readonly connected: Promise<void>
  onAnswer: Answered = () => {}
  readonly #socket: Socket
  readonly #splitter = new FrameSplitter()
  /** Number of the outstanding question in the plan; -1 = none. */
  #asked = -1
  #stan = 0
  #signedOn: ((frame: Buffer) => void) | undefined

  constructor(key: TerminalKey, port: number, localAddress: string) {
    this.key = key
    this.#socket = connect({ port, host: "127.0.0.1", localAddress, noDelay: true })
    this.connected = new Promise((resolve, reject) => {
      this.#socket.once("connect", resolve)
      this.#socket.once("error", reject)
    })
    this.#socket.on("data", (chunk: Buffer) => this.#splitter.push(chunk, this.#took))
    this.#socket.on("close", () => {
      this.#asked = -1
    })
  }

  readonly #took = (frame: Buffer): void => {
    if (this.#signedOn !== undefined) {
      this.#signedOn(frame)
      return
    }
    const stan = readDigits(frame, stanOffset(frame), 3)
    if (this.#asked < 0 || stan !== this.#stan) {
      this.onAnswer(-1, 0, frame)
      return
    }
    const index = this.#asked
    this.#asked = -1
    this.onAnswer(index, responseCode(frame), frame)
  }

  /** False: still waiting for an answer, or without a connection; nothing was sent. */
  ask(index: number, frame: Buffer): boolean {
    if (this.#asked >= 0 || this.#socket.readyState !== "open") return false
    this.#asked = index
    this.#stan = readDigits(frame, stanOffset(frame), 3)
    this.#socket.write(frame)
    return true
  }

  stanOf(frame: Buffer): string {
    return String(readDigits(frame, stanOffset(frame), 3)).padStart(6, "0")
  }

  /** The outstanding question will not be answered any more. */
  forget(): void {
    this.#asked = -1
  }

  /** Signs on and takes the MAC key from field 62 of the answer (protocol-facts §1.8, 40 bytes). */
  signOn(): Promise<void> {
    this.#socket.write(signOnFrame(this.key.terminal, this.key.merchant))
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.key.terminal}: no answer to the sign-on`)),
        signOnTimeoutMs
      )
      const gone = () => reject(new Error(`${this.key.terminal}: cut off before it signed on`))
      this.#socket.once("close", gone)
      this.#signedOn = (frame) => {
        this.#signedOn = undefined
        this.#socket.off("close", gone)
        clearTimeout(timer)
        const code = codeText(responseCode(frame))
        if (code !== "00") {
          reject(new Error(`${this.key.terminal}: sign-on answered ${code}`))
          return
        }
        const download = fieldAt(frame, 62)
        if (download !== undefined && download.length >= 40) this.#takeKey(download)
        resolve()
      }
    })
  }

  #takeKey(download: Buffer): void {
    const master = Buffer.from(this.key.masterKey, "hex")
    const decipher = createDecipheriv("des-ede", master, null)
    decipher.setAutoPadding(false)
    const enciphered = download.subarray(20, 36)
    const single = enciphered.subarray(8).every((byte) => byte === 0)
    this.key.macKey = decipher.update(single ? enciphered.subarray(0, 8) : enciphered)
      .toString("hex")
  }

  close(): void {
    this.#socket.destroy()
  }
}
