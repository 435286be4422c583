/** The rule of `domain/batch-totals` for what stands, in SQL, for those who add up rows. */

import { undoneStates } from "../domain/batch-totals.ts"
import { reversibleKinds } from "../domain/kind.ts"

const listed = (words: Iterable<string>) => Array.from(words, (word) => `'${word}'`).join(", ")

/** Of a row that was approved: does the money still stand? */
export const standing = `NOT (state IN (${listed(undoneStates)}) ` +
  `OR state = 'exception' AND kind IN (${listed(reversibleKinds)}))`
