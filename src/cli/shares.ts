/** Shares of a whole as a flag gives them, `approve=9,slow=1`; a name alone has the share 1. */

import { type Call, Refusal } from "./verb.ts"

export function sharesOf<Name extends string>(
  call: Call,
  flag: string,
  names: ReadonlyArray<Name>
): Partial<Record<Name, number>> {
  const shares: Partial<Record<Name, number>> = {}
  for (const part of (call.text(flag) ?? "").split(",").filter((each) => each !== "")) {
    const [word = "", written = "1"] = part.split("=")
    const name = names.find((each) => each === word)
    const share = Number(written)
    if (name === undefined) {
      throw new Refusal(2, `--${flag} ${word}: expected one of ${names.join(", ")}`)
    }
    if (!(share >= 0)) throw new Refusal(2, `--${flag} ${part}: a share is a number from 0 on`)
    shares[name] = share
  }
  return shares
}
