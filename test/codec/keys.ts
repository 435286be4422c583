/** A security module for codec tests: keys by handle, some of which it keeps to itself. */

import { Effect } from "effect"
import type { KeyHandle } from "../../src/domain/brand.ts"
import type { SecurityModuleShape } from "../../src/domain/ports/security-module.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import { makeMac } from "../../src/security/mac.ts"
import { isFault } from "../../src/security/security-fault.ts"

export interface TestModule extends SecurityModuleShape {
  readonly exports: Array<KeyHandle>
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
  const waiting: Array<() => void> = []
  const module: TestModule = {
    place: kept.size > 0 ? "hsm" : "software",
    exports,
    waiting,
    slow: false,
    install: () => "key-missing",
    derive: () => "key-missing",
    release: () => {},
    exportToWorker: (handle) => {
      const key = kept.has(handle) ? undefined : keys[handle - 1]
      if (key !== undefined) exports.push(handle)
      return key === undefined ? undefined : Uint8Array.from(key)
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
