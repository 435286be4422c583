/** Why a text is not the code it claims to be: a value, never a thrown error. */

export interface CodeFault {
  readonly _tag: "fault"
  /** Object ids or tags, outermost first: `62.07`, `61.57`; "" where the whole text is meant. */
  readonly path: string
  /** Characters from the start for texts, bytes for binary codes. */
  readonly offset: number
  /** What should have stood there, in words; never quotes the code. */
  readonly expected: string
}

export function codeFault(path: string, offset: number, expected: string): CodeFault {
  return { _tag: "fault", path, offset, expected }
}
