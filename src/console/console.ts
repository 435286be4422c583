/**
 * The console: three files as they are, for the admin listener. They ask nobody but the switch that
 * sent them; the policy in their headers has the browser hold them to that.
 */

import { readFileSync } from "node:fs"
import type { HttpResponse } from "../domain/ports/http.ts"

const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; " +
  "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

function file(name: string, type: string): HttpResponse {
  const headers = new Map([
    ["content-type", `${type}; charset=utf-8`],
    ["cache-control", "no-cache"],
    ["content-security-policy", policy],
    ["x-content-type-options", "nosniff"],
    ["referrer-policy", "no-referrer"]
  ])
  return { status: 200, headers, body: readFileSync(new URL(name, import.meta.url)) }
}

/** By path. */
export const consoleFiles: ReadonlyMap<string, HttpResponse> = new Map([
  ["/", file("console.html", "text/html")],
  ["/console.css", file("console.css", "text/css")],
  ["/console.js", file("console.js", "text/javascript")]
])
