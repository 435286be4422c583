/** A security module for codec tests: keys by handle, some of which it keeps to itself. */

import { Effect } from "effect"
import type { KeyHandle } from "../../src/domain/brand.ts"
import type { SecurityModuleShape } from "../../src/domain/ports/security-module.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import { makeMac } from "../../src/security/mac.ts"
import { isFault } from "../../src/security/security-fault.ts"

export interface TestModule extends SecurityModuleShape {
  readonly exports: Array<KeyHandle>
  /** The bytes that were given away, to see what becomes of them. */
  readonly copies: Array<Uint8Array>
  /** Answers of the module that wait, when it is slow. */
  readonly waiting: Array<() => void>
  slow: boolean
}

/** Handles count from 1 in the order of `keys`; those in `kept` never leave. */
export function testModule(
  keys: ReadonlyArray<Uint8Array>,
  kept: ReadonlySet<number> = new Set()
): TestModule {
  const cache = new CipherCache()
  for (const [index, key] of keys.entries()) cache.put(index + 1 as KeyHandle, key)
  const exports: Array<KeyHandle> = []
  const copies: Array<Uint8Array> = []
  const waiting: Array<() => void> = []
  const listeners = new Set<(handle: KeyHandle) => void>()
  const module: TestModule = {
    place: kept.size > 0 ? "hsm" : "software",
    exports,
    copies,
    waiting,
    slow: false,
    install: () => "key-missing",
    derive: () => "key-missing",
    release: (handle) => {
      for (const listener of listeners) listener(handle)
    },
    onForgotten: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    exportToWorker: (handle) => {
      const key = kept.has(handle) ? undefined : keys[handle - 1]
      if (key === undefined) return undefined
      exports.push(handle)
      copies.push(Uint8Array.from(key))
      return copies.at(-1)
    },
    makeMac: (handle, algorithm, bytes, done) => {
      const mac = makeMac(cache, handle, algorithm, bytes)
      const answer = () => done(isFault(mac) ? undefined : mac)
      if (module.slow) waiting.push(answer)
      else answer()
    },
    translatePin: (_, done) => done("pin-refused"),
    issueWorkingKeys: () => Effect.fail("key-missing")
  }
  return module
}
