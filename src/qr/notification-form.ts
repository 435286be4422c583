/**
 * Form-encoded notices, kept as the bytes they decode to: the signature is over bytes, in whatever
 * character set the wallet wrote them. What must hold: a name that comes twice refuses the form,
 * because two readers could see two different values.
 */

/** More parameters than any notice has. */
const maxParameters = 128

/** Values by name; both hold one byte a character (latin1). */
export type Form = ReadonlyMap<string, string>

export function parseForm(body: Uint8Array): Form | undefined {
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString("latin1")
  const pairs = text.split("&", maxParameters + 1)
  if (pairs.length > maxParameters) return undefined
  const form = new Map<string, string>()
  for (const pair of pairs) {
    const equals = pair.indexOf("=")
    const name = decoded(pair.slice(0, equals))
    const value = decoded(pair.slice(equals + 1))
    if (equals < 1 || name === undefined || value === undefined || form.has(name)) return undefined
    form.set(name, value)
  }
  return form
}

/** `k=v&k=v`, sorted by the bytes of the names, without those left out. */
export function signedBytes(form: Form, leaveOut: ReadonlySet<string>): Buffer {
  const names = [...form.keys()].filter((name) => !leaveOut.has(name)).sort()
  return Buffer.from(names.map((name) => `${name}=${form.get(name)}`).join("&"), "latin1")
}

/** A value as text of 1 to `max` characters, or undefined. */
export function valueOf(form: Form, name: string, max = 64): string | undefined {
  const value = form.get(name)
  if (value === undefined || value.length === 0 || value.length > max) return undefined
  return /^[\x20-\x7e]*$/.test(value) ? value : undefined
}

function decoded(text: string): string | undefined {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return undefined
  return text.replaceAll("+", " ").replace(
    /%(..)/g,
    (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))
  )
}
