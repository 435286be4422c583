/** Restored keys against a map: what a replay puts and drops, and what is asked and forgotten. */

import fc from "fast-check"
import { expect, it } from "vitest"
import { recordWeight } from "../../src/journal/group.ts"
import { LogGroups, newGroup } from "../../src/journal/log-groups.ts"
import { RestoredKeys } from "../../src/journal/restored-keys.ts"

const groupCount = 5

/** Of one byte a character and more, alike at the beginning, and beyond the basic plane. */
const key = fc.oneof(
  fc.integer({ min: 0, max: 600 }).map((number) => `0190aaaa-${number}`),
  fc.integer({ min: 0, max: 20 }).map((number) => `单号${number}`),
  fc.constantFrom("\u{1f600}", "\ufffd", "z", "a".repeat(255))
)
const change = fc.record({
  key,
  group: fc.nat(groupCount - 1),
  offset: fc.nat(1_000_000),
  length: fc.nat(5_000),
  does: fc.constantFrom("put", "put", "put", "drop")
})
const changes = fc.array(change, { maxLength: 900, size: "max" })

it("has what a map would have, in the order of the groups, and counts it", () => {
  fc.assert(
    fc.property(changes, fc.array(key, { maxLength: 200 }), (made, forgotten) => {
      const groups = new LogGroups()
      const replayed = Array.from({ length: groupCount }, (_, number) => newGroup(number + 1))
      for (const group of replayed) groups.add(group)
      const keys = new RestoredKeys(groups, replayed)
      const model = new Map<string, typeof made[number]>()
      for (const each of made) {
        const bytes = Buffer.from(`..${each.key}..`)
        const { group, length, offset } = each
        if (each.does === "put") {
          keys.put(bytes, 2, bytes.length - 2, group, offset, length)
          model.set(each.key, each)
        } else {
          keys.drop(bytes, 2, bytes.length - 2)
          model.delete(each.key)
        }
      }
      keys.close()
      expectSame(keys, model, replayed)
      let weight = 0
      for (const each of model.values()) weight += recordWeight(each.key.length, each.length)
      expect(groups.liveBytes).toBe(weight)
      for (const each of forgotten) {
        keys.forget(each)
        model.delete(each)
      }
      expectSame(keys, model, replayed)
      for (const each of [...forgotten, "", "~", "0190aaaa-", "\u{1f601}"]) {
        expect(keys.has(each)).toBe(false)
      }
    }),
    { numRuns: 60 }
  )
})

function expectSame(
  keys: RestoredKeys,
  model: ReadonlyMap<string, { readonly group: number; readonly offset: number; length: number }>,
  replayed: ReadonlyArray<{ readonly sequence: number }>
): void {
  expect(keys.size).toBe(model.size)
  const found: Array<string> = []
  let group = 0
  for (const entry of keys.inOrder()) {
    found.push(keys.key(entry))
    const { sequence } = keys.place(entry).group
    expect(sequence).toBeGreaterThanOrEqual(group)
    group = sequence
  }
  expect(found.sort()).toEqual([...model.keys()].sort())
  for (const [each, { group: number, length, offset }] of model) {
    expect(keys.has(each)).toBe(true)
    expect(keys.slot(each)).toEqual({ group: replayed[number], length, offset, value: undefined })
    expect(keys.slot(each)).toBe(keys.slot(each))
  }
}
