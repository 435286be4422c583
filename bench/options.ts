/** Words behind `npm run bench -- <name>`: what is unknown is said in one line, and ends with 2. */

import { parseArgs, type ParseArgsConfig } from "node:util"

const usage = 2

export function optionsOf<const Config extends ParseArgsConfig>(
  config: Config
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(usage)
  }
}
