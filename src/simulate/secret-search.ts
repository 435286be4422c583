/**
 * Looks for secrets in whatever was put out: as bytes, and as the texts that bytes are printed in.
 * What must hold: what is there is found, wherever it stands, in one pass for all of them.
 */

export interface Secret {
  readonly name: string
  readonly bytes: Buffer
}

/** Bytes, and their hex in either case and base64. */
export function secretForms(name: string, bytes: Uint8Array): ReadonlyArray<Secret> {
  const raw = Buffer.from(bytes)
  const text = (form: string) => ({ name: `${name} as text`, bytes: Buffer.from(form, "latin1") })
  return [
    { name, bytes: raw },
    text(raw.toString("hex")),
    text(raw.toString("hex").toUpperCase()),
    text(raw.toString("base64").replace(/=+$/, ""))
  ]
}

/** The PIN field of formats 0 and 3, that joined with the card number, and that of format 4. */
export function pinForms(pan: string, pin: string): ReadonlyArray<Secret> {
  const start = pin.length.toString(16) + pin
  const field = Buffer.from(`0${start}`.padEnd(16, "f"), "hex")
  const card = Buffer.from(`0000${pan.slice(-13, -1)}`, "hex")
  const joined = field.map((byte, at) => byte ^ card[at]!)
  const long = Buffer.from(`4${start}`.padEnd(16, "a"), "hex")
  // Nothing but zeros and ones in a row stands in many a file by chance.
  const alone = /^0+$/.test(pin) ? [] : [field, long]
  return [joined, ...alone].flatMap((bytes) => secretForms(`a PIN of ${pan.slice(-4)}`, bytes))
}

/** What begins like one of them is compared. None is shorter than four bytes. */
export class SecretSearch {
  /** By their first four bytes, and which of those may be there at all. */
  readonly #byStart = new Map<number, Array<Secret>>()
  readonly #starts = new Uint8Array(65_536)
  readonly found: Array<string> = []
  searched = 0

  constructor(secrets: Iterable<Secret>) {
    for (const secret of secrets) {
      const start = secret.bytes.readInt32BE(0)
      this.#starts[mixed(start)] = 1
      const same = this.#byStart.get(start)
      if (same === undefined) this.#byStart.set(start, [secret])
      else same.push(secret)
    }
  }

  bytes(place: string, bytes: Uint8Array): void {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.searched += view.length
    let start = 0
    for (let next = 0; next < view.length; next++) {
      start = start << 8 | view[next]!
      if (next < 3 || this.#starts[mixed(start)] === 0) continue
      const at = next - 3
      for (const { bytes: secret, name } of this.#byStart.get(start) ?? []) {
        const end = at + secret.length
        if (end <= view.length && view.compare(secret, 0, secret.length, at, end) === 0) {
          this.found.push(`${name} in ${place} at ${at}`)
        }
      }
    }
  }
}

/** Sixteen bits of four bytes. */
function mixed(start: number): number {
  return Math.imul(start, 0x9e3779b1) >>> 16
}
