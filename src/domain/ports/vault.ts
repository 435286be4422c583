/** Data-key encryption for what must rest on disk and must not rest there in clear (I6). */

import { Context } from "effect"

export interface VaultShape {
  /** Cipher text that carries the version of its key and all it needs to be opened, but the key. */
  readonly seal: (clear: Uint8Array) => Uint8Array
  /** Undefined when the bytes were altered or their key version is gone. */
  readonly open: (sealed: Uint8Array) => Uint8Array | undefined
  /** Keyed digest (AES-256-CMAC, 16 bytes, hex): equality without the content. */
  readonly digest: (text: string) => string
}

export class Vault extends Context.Service<Vault, VaultShape>()("pointsman/domain/ports/Vault") {}
