/**
 * What a reload would change, key by key, and which of it can happen while the switch runs. Items
 * of a list that have names are compared by name, so that a new upstream in front of another does
 * not look like two changed ones. What must hold: the answer depends on the content alone.
 */

import { createHash } from "node:crypto"
import type { LoadedConfig } from "./loaded.ts"
import type { Change, Shape } from "./shape.ts"
import { switchShape } from "./switch-shape.ts"
import { terminalLine, terminalsText } from "./terminals-text.ts"

interface ConfigChange {
  /** As `upstreams.acquirer.timeoutMs`, `files.dialects/cup-pos.yaml`, `terminals.65465423`. */
  readonly path: string
  readonly what: "added" | "removed" | "changed"
  readonly change: Change
}

/** Nothing when the two mean the same. */
export function diffConfig(before: LoadedConfig, after: LoadedConfig): Array<ConfigChange> {
  const changes: Array<ConfigChange> = []
  const settings = ({ config }: LoadedConfig) => ({ ...config, version: 0 })
  compare(settings(before), settings(after), "", switchShape, "restart", changes)
  const files = (loaded: LoadedConfig) => Object.fromEntries(loaded.digests)
  compareKeys(files(before), files(after), "files", "restart", changes)
  const terminals = (loaded: LoadedConfig) =>
    Object.fromEntries(
      loaded.terminals.map((each) => [each.terminal.trimEnd(), terminalLine(each)])
    )
  compareKeys(terminals(before), terminals(after), "terminals", "live", changes)
  return changes
}

/** SHA-256 of everything that {@link diffConfig} compares, in hex. */
export function configDigest({ config, digests, terminals }: LoadedConfig): string {
  const content = [{ ...config, version: 0 }, [...digests], terminalsText(terminals)]
  return createHash("sha256").update(JSON.stringify(content)).digest("hex")
}

/** Reloads refuse these by name. */
export function needRestart(changes: ReadonlyArray<ConfigChange>): Array<string> {
  return changes.filter(({ change }) => change === "restart").map(({ path }) => path)
}

function compare(
  before: unknown,
  after: unknown,
  path: string,
  shape: Shape<unknown>,
  change: Change,
  changes: Array<ConfigChange>
): void {
  if (same(before, after)) return
  const told = (what: ConfigChange["what"]) => void changes.push({ path, what, change })
  if (before === undefined) return told("added")
  if (after === undefined) return told("removed")
  const left = named(before)
  const right = named(after)
  if (left === undefined || right === undefined) return told("changed")
  const count = changes.length
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const field = shape.fields?.[key]
    const inner = field?.shape ?? shape.element ?? shape
    const at = path === "" ? key : `${path}.${key}`
    // What its parent can change live, it can: a new route is as live as the list of routes.
    const mode = change === "live" ? "live" : field?.change ?? change
    compare(left[key], right[key], at, inner, mode, changes)
  }
  // The same items in another order: for routes and candidates the order is what is meant.
  if (changes.length === count && Array.isArray(before)) told("changed")
}

/** The parts of a value by name; undefined when it has none and is compared whole. */
function named(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null) return undefined
  if (!Array.isArray(value)) return value as Readonly<Record<string, unknown>>
  const names = value.map((each: unknown) =>
    typeof each === "object" && each !== null && "name" in each ? String(each.name) : undefined
  )
  if (names.length === 0 || names.includes(undefined)) return undefined
  return Object.fromEntries(value.map((each: unknown, index) => [names[index]!, each]))
}

function compareKeys(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  path: string,
  change: Change,
  changes: Array<ConfigChange>
): void {
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (same(before[key], after[key])) continue
    const what = before[key] === undefined
      ? "added"
      : after[key] === undefined
      ? "removed"
      : "changed"
    changes.push({ path: `${path}.${key}`, what, change })
  }
}

function same(left: unknown, right: unknown): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right)
}
