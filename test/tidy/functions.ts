/**
 * How long functions are, found in masked code: `function` heads, methods and arrows. A body ends
 * where its bracket closes; an arrow without braces ends where its expression does.
 */

import { lineOf, type SourceFile } from "./source.ts"

interface FunctionSpan {
  readonly line: number
  readonly lines: number
}

/** Words that stand before a parenthesis and a brace without being a method's name. */
const statements = new Set(["if", "for", "while", "switch", "catch", "with", "function", "return"])

export function functionsIn(file: SourceFile): Array<FunctionSpan> {
  const code = file.code
  const spans: Array<FunctionSpan> = []
  const add = (start: number, end: number): void => {
    const line = lineOf(code, start)
    spans.push({ line, lines: lineOf(code, end) - line + 1 })
  }
  for (const match of code.matchAll(/\bfunction\b\s*\*?\s*[\w$]*/g)) {
    const open = code.indexOf("(", match.index + match[0].length)
    const body = open === -1 ? undefined : bodyAfter(code, open)
    if (body !== undefined) add(match.index, closing(code, body))
  }
  for (const match of code.matchAll(/(?<![.\w$#])(#?[\w$]+)\s*(?:<[^<>()]*>)?\(/g)) {
    const name = match[1] ?? ""
    if (statements.has(name) || /\b(?:function\s*\*?|new)\s*$/.test(code.slice(0, match.index))) {
      continue
    }
    const body = bodyAfter(code, match.index + match[0].length - 1)
    if (body !== undefined) add(match.index, closing(code, body))
  }
  for (const match of code.matchAll(/=>/g)) {
    const body = skipSpace(code, match.index + 2)
    add(match.index, code[body] === "{" ? closing(code, body) : expressionEnd(code, body))
  }
  return spans
}

const pairs: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" }

/** Offset of the bracket that closes the one at `open`, or the end of the text. */
function closing(code: string, open: number): number {
  let depth = 0
  for (let at = open; at < code.length; at++) {
    const char = code[at] ?? ""
    if (char in pairs) depth += 1
    else if (char === ")" || char === "]" || char === "}") {
      depth -= 1
      if (depth === 0) return at
    }
  }
  return code.length
}

function skipSpace(code: string, from: number): number {
  let at = from
  while (at < code.length && /\s/.test(code[at] ?? "")) at += 1
  return at
}

/**
 * The brace that opens the body behind the parameter list at `open`; undefined where the
 * parentheses are a call or a signature without a body.
 */
function bodyAfter(code: string, open: number): number | undefined {
  const after = skipSpace(code, closing(code, open) + 1)
  if (code[after] === "{") return after
  if (code[after] !== ":") return undefined
  // A return type: braces where a type is expected are part of it, the next one is the body.
  let expectsType = true
  for (let at = after + 1; at < code.length; at++) {
    const char = code[at] ?? ""
    if (/\s/.test(char)) {
      if (char === "\n" && !expectsType && !/^\s*[{|&[.<]/.test(code.slice(at))) return undefined
      continue
    }
    if (char === "{" && !expectsType) return at
    if (char === "{" || char === "(" || char === "[") {
      at = closing(code, at)
      expectsType = false
    } else if (char === ";" || char === "," || char === ")" || char === "}") return undefined
    else if (code.startsWith("=>", at)) {
      at += 1
      expectsType = true
    } else if (char === "<") {
      at = closingAngle(code, at)
      expectsType = false
    } else expectsType = char === "|" || char === "&" || char === ":"
  }
  return undefined
}

function closingAngle(code: string, open: number): number {
  let depth = 0
  for (let at = open; at < code.length; at++) {
    if (code[at] === "<") depth += 1
    else if (code[at] === ">" && code[at - 1] !== "=") {
      depth -= 1
      if (depth === 0) return at
    }
  }
  return code.length
}

function expressionEnd(code: string, from: number): number {
  for (let at = from; at < code.length; at++) {
    const char = code[at] ?? ""
    if (char in pairs) at = closing(code, at)
    else if (/[)\]},;]/.test(char)) return at - 1
    else if (char === "\n") {
      const goesOn = /[=+\-*/|&?:<>(,.]\s*$/.test(code.slice(from, at)) ||
        /^\s*[.?:+\-*/|&<>=]/.test(code.slice(at))
      if (!goesOn) return at - 1
    }
  }
  return code.length
}
