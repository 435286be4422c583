/** Schema version 7: says what a block stops, since it no longer stops everything. */

import { commentOn, statements } from "./table.ts"

/** Of the table `terminals`. */
export const comments = {
  blocked: "It begins nothing new; what follows on what it began is still heard"
}

export const migration = statements([commentOn("terminals", "blocked", comments.blocked)])
