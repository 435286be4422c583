/** Why bytes are not a message of the dialect: a value, never a thrown error. */

/** Names of the shared failure table that a codec may give (see `domain/failures.ts`). */
export type CodecFailure = "message-format" | "mti-unknown" | "field-unknown" | "field-missing"

export interface CodecFault {
  readonly failure: CodecFailure
  /** Field path, outermost first: `55.9F02`, `60.1`, `mti`, `bitmap`. */
  readonly path: string
  /** Byte offset within the body (0 = first byte of the MTI). */
  readonly offset: number
  /** What should have stood there, in words. */
  readonly expected: string
  /** A short excerpt of what stood there, masked where the field is sensitive. */
  readonly excerpt: string
}

/** Why values do not make a message: the field path, and what is wrong with its value. */
export interface BuildFault {
  readonly path: string
  readonly problem: string
}
