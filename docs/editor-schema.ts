/**
 * The configuration file as a JSON Schema, for editors: the same shapes that read the file say what
 * may stand where. What must hold: what the switch takes, it takes; a key that no shape names, it
 * refuses. What relates one key to another is left to `pointsman check`.
 */

import type { Field, Keywords, Shape } from "../src/config/shape.ts"

export function editorSchema(shape: Shape<unknown>): string {
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Configuration of Pointsman",
    description: "Made by `npm run docs`; changes here are overwritten.",
    ...schemaOf(shape)
  }
  return `${JSON.stringify(schema, undefined, 2)}\n`
}

function schemaOf({ element, fields, keywords, short }: Shape<unknown>): Keywords {
  if (fields !== undefined) {
    const entries = Object.entries(fields)
    const required = entries.filter(([, field]) => mustBeThere(field)).map(([name]) => name)
    const whole = {
      ...keywords,
      additionalProperties: false,
      ...(required.length === 0 ? {} : { required }),
      properties: Object.fromEntries(entries.map(([name, field]) => [name, propertyOf(field)]))
    }
    return short === undefined ? whole : { anyOf: [schemaOf(short), whole] }
  }
  if (element === undefined) return keywords
  const each = schemaOf(element)
  const place = keywords["type"] === "array" ? "items" : "additionalProperties"
  return { ...keywords, [place]: each }
}

/** A section without keys that must be there may be left out whole. */
function mustBeThere({ presence, shape }: Field<unknown>): boolean {
  return presence === "required" && shape.absent === undefined
}

function propertyOf({ about, change, fallback, presence, shape }: Field<unknown>): Keywords {
  const expected = shape.fields === undefined ? ` Expected: ${shape.words}.` : ""
  const live = change === "live" ? " A reload applies it." : ""
  return {
    description: `${about}${expected}${live}`,
    ...schemaOf(shape),
    ...(presence === "defaulted" ? { default: fallback } : {})
  }
}
