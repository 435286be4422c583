/** Reads the settings of a configuration text, without the files it names. */

import { faultLine, inOrder } from "../../src/config/config-invalid.ts"
import type { Settings } from "../../src/config/loaded.ts"
import { checkRelations } from "../../src/config/relations.ts"
import { readAt } from "../../src/config/shape.ts"
import { switchShape } from "../../src/config/switch-shape.ts"
import { YamlSource } from "../../src/config/yaml-source.ts"

/** The smallest file that works. */
export const small = `listeners:
  - { name: terminals, port: 8583 }
upstreams:
  - name: acquirer
    links: [{ port: 9001 }]
routes:
  - { name: all, to: [acquirer] }
`

export function settingsOf(text: string): Settings | Array<string> {
  const source = new YamlSource("a.yaml", text)
  const read = source.faults.length === 0 ? readAt(switchShape, source.root, "", source) : undefined
  if (read !== undefined) checkRelations(read, (path, problem) => source.fault(path, problem))
  if (source.faults.length > 0) return inOrder(source.faults).map(faultLine)
  return read as Settings
}

/** Only the faults; none when the text is right. */
export function faultsOf(text: string): Array<string> {
  const read = settingsOf(text)
  return Array.isArray(read) ? read : []
}
