/** A message seen through its index: nothing is copied, values are made when they are asked for. */

import type { Kind } from "../domain/kind.ts"
import { mtiText } from "./condition.ts"
import type { CompiledDialect } from "./dialect.ts"
import { find } from "./layout.ts"
import type { Message, Role } from "./message.ts"

export class MessageView implements Message {
  readonly dialect: CompiledDialect
  readonly bytes: Uint8Array
  readonly index: Int32Array
  readonly mtiNumber: number

  constructor(dialect: CompiledDialect, bytes: Uint8Array, index: Int32Array, mti: number) {
    this.dialect = dialect
    this.bytes = bytes
    this.index = index
    this.mtiNumber = mti
  }

  get mti(): string {
    return mtiText(this.mtiNumber)
  }

  has(field: number): boolean {
    return find(this.index, field) > 0
  }

  fields(): ReadonlyArray<number> {
    const fields: Array<number> = []
    for (let at = 1; at < this.index[0]! * 3; at += 3) fields.push(this.index[at]!)
    return fields
  }

  text(path: string): string | undefined {
    return this.dialect.layout.access(path)?.text(this.bytes, 0, this.index, this.mtiNumber)
  }

  raw(path: string): Uint8Array | undefined {
    return this.dialect.layout.access(path)?.raw(this.bytes, 0, this.index, this.mtiNumber)
  }

  role(role: Role): string | undefined {
    for (const access of this.dialect.semantics.roles[role]) {
      const text = access.text(this.bytes, 0, this.index, this.mtiNumber)
      if (text !== undefined && text !== "") return text
    }
    return undefined
  }

  kind(): Kind | undefined {
    return this.dialect.semantics.kindOf(this)
  }
}
