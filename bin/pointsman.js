#!/usr/bin/env node
/** `npx pointsman <verb>`: hands over to `src/main.ts` under a Node that can run it. */

import { runSource } from "./runtime.js"

runSource("src/main.ts", process.argv.slice(2))
