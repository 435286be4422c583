/** What terminals of a group may download: data, block after block, by the code they ask with. */

export interface ParameterSet {
  /** Field of the request that says what is wanted, as `60.3`. */
  readonly by: string
  /** Field that says in the request how much is there already, and brings a block in the answer. */
  readonly path: string
  /** By code. */
  readonly blocks: ReadonlyMap<string, ReadonlyArray<Uint8Array>>
}
