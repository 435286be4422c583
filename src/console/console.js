// The console: views over the switch's own JSON API. One question a second at most, and none while
// the page is hidden. Everything from the switch is put in as text, never as markup.

const view = document.getElementById("view")
const notice = document.getElementById("notice")
const everyMs = 1000

async function ask(path, body) {
  const response = await fetch(path, body === undefined ? {} : {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body)
  })
  const value = await response.json()
  if (!response.ok) throw new Error(value.error ?? `${path}: ${response.status}`)
  return value
}

/** An element with its attributes; children are text or elements. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value)
    else element.setAttribute(key, value)
  }
  element.append(...children.filter((child) => child !== undefined && child !== null))
  return element
}

const shown = (value) => value === undefined || value === null ? "" : String(value)
const time = (ms) => ms === undefined ? "" : new Date(ms).toISOString().replace("T", " ").slice(0, 23)
const button = (words, act) =>
  make("button", {
    type: "button",
    onclick: async ({ currentTarget }) => {
      await attempt(act)
      currentTarget?.blur()
    }
  }, words)

/** Columns: heading, how to show a row, and whether it is a number. */
function table(caption, columns, rows) {
  const cell = (tag, number, scope) => (content) =>
    make(tag, { ...(number ? { class: "number" } : {}), ...scope }, content)
  const head = columns.map(([heading, , number]) => cell("th", number, { scope: "col" })(heading))
  const body = rows.map((row) =>
    make("tr", {}, ...columns.map(([, of, number]) => {
      const content = of(row)
      return cell("td", number, {})(content instanceof Node ? content : shown(content))
    }))
  )
  const words = rows.length === 0 ? `${caption}: none` : `${caption}: ${rows.length}`
  return make("div", { class: "scroll" }, make(
    "table",
    {},
    make("caption", {}, words),
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...body)
  ))
}

const figures = (entries) =>
  make("dl", { class: "figures" }, ...entries.map(([term, value]) =>
    make("div", {}, make("dt", {}, term), make("dd", {}, shown(value)))))

const fields = (named, act, words) => {
  const inputs = Object.entries(named).map(([name, label]) =>
    make("label", {}, label, make("input", { name, autocomplete: "off", spellcheck: "false" })))
  return make("form", {
    onsubmit: (event) => {
      event.preventDefault()
      const given = [...new FormData(event.target)].filter(([, value]) => value.trim() !== "")
      attempt(() => act(Object.fromEntries(given.map(([key, value]) => [key, value.trim()]))))
    }
  }, ...inputs, make("button", { type: "submit" }, words))
}

async function attempt(act) {
  try {
    notice.hidden = true
    await act()
  } catch (error) {
    notice.textContent = error.message
    notice.hidden = false
  }
}

let counted

async function now(place) {
  const [health, rows] = await Promise.all([ask("/healthz"), ask("/api/upstreams")])
  const { advices = {}, inFlight, journal, ledger, sessions } = health
  const atMs = performance.now()
  const written = ledger.writtenRows
  const rate = counted === undefined ? "" : ((written - counted.written) * 1000 / (atMs - counted.atMs)).toFixed(0)
  counted = { written, atMs }
  place.replaceChildren(
    make("h1", {}, health.ready ? "Ready: a new transaction could complete" : "Not ready"),
    ...health.obstacles.map((words) => make("p", { class: "bad" }, words)),
    ...journal.givenUp.map((words) => make("p", { class: "bad" }, `given up: ${words}`)),
    figures([
      ["Sessions signed on", sessions.proven],
      ["In flight", inFlight],
      ["Rows a second", rate],
      ["Reversals pending", Object.values(advices).reduce((sum, each) => sum + each, 0)],
      ["Journal", `${journal.level}, ${(100 * journal.bytes / journal.maxBytes).toFixed(1)} %`],
      ["Commit p50 / p99", `${journal.commitP50Ms.toFixed(1)} / ${journal.commitP99Ms.toFixed(1)} ms`],
      ["PostgreSQL", ledger.connected ? "connected" : "away"],
      ["Rows behind", journal.feedPending],
      ["Configuration", `version ${health.configVersion}`],
      ["Terminals", health.terminals],
      ["Business day", health.businessDay]
    ]),
    table("Upstreams", upstreamColumns.slice(0, 4), rows)
  )
}

const mood = (breaker) =>
  make("span", { class: breaker === "closed" ? "good" : "bad" }, breaker)
const linkWords = ({ links }) =>
  make("span", {}, ...links.flatMap(({ index, state }) => [
    make("span", state === "up" ? {} : { class: "bad" }, `${index} ${state}`),
    " "
  ]))
const upstreamColumns = [
  ["Upstream", ({ name }) => name],
  ["Breaker", ({ breaker }) => mood(breaker)],
  ["Links", linkWords],
  ["In flight", ({ inFlight, window }) => `${inFlight} of ${window}`, true],
  ["Breaker by hand", ({ name }) => {
    const to = (state) => button(state, () => ask(`/api/upstreams/${encodeURIComponent(name)}/breaker`, { to: state }))
    return make("span", { role: "group", "aria-label": `breaker of ${name}` }, to("open"), " ", to("closed"), " ", to("auto"))
  }]
]

async function upstreams(place) {
  const rows = await ask("/api/upstreams")
  place.replaceChildren(make("h1", {}, "Upstreams"), table("Upstreams", upstreamColumns, rows))
}

let wantedTerminal = ""

async function terminals(place) {
  const named = wantedTerminal === "" ? "" : `&terminal=${encodeURIComponent(wantedTerminal)}`
  const [open, ended] = await Promise.all([
    ask(`/api/sessions?limit=100${named}`),
    ask(`/api/sessions/ended?limit=50${named}`)
  ])
  const disconnect = ({ terminals: [terminal] }) =>
    terminal === undefined ? "" : button("disconnect", () => ask(`/api/sessions/${encodeURIComponent(terminal.trim())}/close`, {}))
  place.replaceChildren(
    make("h1", {}, "Terminals"),
    table("Open sessions", [
      ["Terminal", ({ terminals: names }) => names.map((each) => each.trim()).join(", ")],
      ["Listener", ({ listener }) => listener],
      ["From", ({ remote }) => remote],
      ["State", ({ state }) => state],
      ["Messages", ({ messages }) => messages, true],
      ["Idle", ({ idleMs }) => `${(idleMs / 1000).toFixed(0)} s`, true],
      ["", disconnect]
    ], open),
    make("h2", {}, "Why the last ones ended"),
    table("Ended sessions", [
      ["When", ({ endedMs }) => time(endedMs)],
      ["Terminal", ({ terminal }) => terminal],
      ["Listener", ({ listener }) => listener],
      ["From", ({ remote }) => remote],
      ["Reason", ({ reason }) => reason]
    ], ended)
  )
}

const transactionColumns = [
  ["Received", ({ receivedMs }) => time(receivedMs)],
  ["State", ({ state }) => state],
  ["Kind", ({ kind }) => kind],
  ["Terminal", ({ terminal }) => terminal?.trim()],
  ["STAN", ({ stan }) => stan],
  ["RRN", ({ rrn }) => rrn],
  ["Card", ({ panMask }) => panMask],
  ["Amount", ({ amount }) => amount, true],
  ["Currency", ({ currency }) => currency],
  ["Answer", ({ response }) => response],
  ["Upstream", ({ upstream }) => upstream],
  ["Story", ({ story, ...row }) => make(
    "details",
    {},
    make("summary", {}, `${story?.length ?? 0} steps`),
    make("ol", {}, ...(story ?? []).map(([state, ms]) => make("li", {}, `${time(ms).slice(11)} ${state}`))),
    make("code", {}, row.id)
  )]
]

async function search(asked, into) {
  if (Object.keys(asked).length === 0) throw new Error("say what to look for")
  const rows = await ask(`/api/transactions?${new URLSearchParams({ limit: "100", ...asked })}`)
  into.replaceChildren(table("Transactions", transactionColumns, rows))
}

async function reversals(place) {
  const [advices, open] = await Promise.all([
    ask("/api/advices?limit=200"),
    ask("/api/exceptions?limit=200").catch((error) => [{ id: "", reason: error.message }])
  ])
  const resolve = ({ id }) => id === "" ? "" : button("resolve", async () => {
    const note = prompt("How was it resolved?")
    if (note) await ask(`/api/exceptions/${encodeURIComponent(id)}/resolve`, { note })
  })
  place.replaceChildren(
    make("h1", {}, "Reversals and exceptions"),
    table("Pending reversals", [
      ["Since", ({ createdMs }) => time(createdMs)],
      ["Transaction", ({ transaction }) => make("code", {}, transaction)],
      ["Upstream", ({ upstream }) => upstream],
      ["Reason", ({ reason }) => reason],
      ["Attempts", ({ attempts }) => attempts, true],
      ["Last answer", ({ lastResponse }) => lastResponse]
    ], advices),
    make("h2", {}, "Handed to a person"),
    table("Open exceptions", [
      ["Since", ({ raisedMs }) => time(raisedMs)],
      ["Exception", ({ id }) => make("code", {}, id)],
      ["Reason", ({ reason }) => reason],
      ["Detail", ({ detail }) => detail],
      ["", resolve]
    ], open)
  )
}

async function decode(hex, into) {
  const read = await ask("/api/lab/decode", { hex })
  into.replaceChildren(
    make("p", {}, `${read.dialect}, framed by ${read.framing}, ${read.bytes} bytes`),
    ...(read.fault === undefined ? [] : [make("p", { class: "bad" }, read.fault)]),
    table("Fields", [
      ["Field", ({ depth, path }) => `${"  ".repeat(depth)}${path}`],
      ["Name", ({ name }) => name],
      ["Value", ({ value }) => make("code", {}, value)],
      ["Byte", ({ offset }) => offset < 0 ? "" : offset, true],
      ["Note", ({ note }) => note]
    ], read.fields)
  )
}

/** `once` builds what stays, `poll` what is asked again and again. */
const views = {
  now: { poll: now },
  upstreams: { poll: upstreams },
  terminals: {
    once: (place) => place.append(fields({ terminal: "Terminal" }, (asked) => {
      wantedTerminal = asked.terminal ?? ""
    }, "Show")),
    poll: terminals
  },
  transactions: {
    once: (place) => {
      const found = make("div", { "aria-live": "polite" })
      place.append(
        make("h1", {}, "Transactions"),
        fields({ terminal: "Terminal", stan: "STAN", rrn: "RRN", amount: "Amount, minor units", merchant: "Merchant", day: "Business day", id: "Id" }, (asked) => search(asked, found), "Search"),
        found
      )
    }
  },
  reversals: { poll: reversals },
  lab: {
    once: (place) => {
      const found = make("div", { "aria-live": "polite" })
      const hex = make("textarea", { id: "hex", spellcheck: "false" })
      place.append(
        make("h1", {}, "Message lab"),
        make("p", { class: "quiet" }, "Hex of a message, with or without its frame. It is read here and kept nowhere."),
        make("label", { for: "hex" }, "Message"),
        hex,
        make("p", {}, button("Decode", () => decode(hex.value, found))),
        found
      )
    }
  }
}

let current
let polled

function show() {
  const name = location.hash.slice(1)
  current = views[name] === undefined ? "now" : name
  notice.hidden = true
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${current}`) link.setAttribute("aria-current", "page")
    else link.removeAttribute("aria-current")
  }
  polled = make("div", {})
  view.replaceChildren()
  views[current].once?.(view)
  view.append(polled)
}

/** What a person is about to use is not pulled away from under the hand. */
const inUse = () =>
  polled.querySelector(":focus-visible") !== null || polled.querySelector("details[open]") !== null

async function turn() {
  const { poll } = views[current]
  const place = polled
  if (!document.hidden) {
    try {
      if (poll !== undefined && !inUse()) {
        const fresh = make("div", {})
        await poll(fresh)
        if (place === polled && !inUse()) place.replaceChildren(...fresh.childNodes)
      }
      const { ready } = await ask("/healthz")
      document.getElementById("ready").textContent = ready ? "ready" : "not ready"
      document.getElementById("ready").className = ready ? "good" : "bad"
    } catch (error) {
      document.getElementById("ready").textContent = `no answer: ${error.message}`
      document.getElementById("ready").className = "bad"
    }
  }
  setTimeout(turn, everyMs)
}

addEventListener("hashchange", () => {
  show()
  view.focus()
})
show()
void turn()
