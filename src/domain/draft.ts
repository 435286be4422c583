/** What is being made: nobody else has seen it yet, so it may still be written to. */
export type Draft<Made> = { -readonly [Field in keyof Made]: Made[Field] }
