/**
 * A thread of the end: it gets the share of the allocator that a thread before it has left, and
 * overwrites what is free there. Whoever starts it waits for its number.
 */

import { workerData } from "node:worker_threads"
import { overwriteFreed } from "./freed-memory.ts"

const done = workerData as Int32Array
overwriteFreed()
Atomics.add(done, 0, 1)
Atomics.notify(done, 0)
