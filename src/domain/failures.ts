/**
 * Every way a message, a session or a send can fail, in one table. On the road a failure is one of
 * these preallocated rows, compared by identity; nothing is thrown and no stack is made.
 */

/** May the upstream have seen the request when this happened? */
type Seen = "never" | "perhaps" | "yes"

interface Failure {
  /** Stable name: in logs, metrics, the journal and PostgreSQL. */
  readonly code: FailureCode
  readonly meaning: string
  /** ISO 8583:1987 / China UnionPay response code told to the terminal; "" = no answer is made. */
  readonly response: string
  readonly seen: Seen
  /** What an operator does about it. */
  readonly action: string
}

const rows = {
  // --- framing: what arrives is not a frame
  "frame-too-long": [
    "declared length above the listener's maximum",
    "",
    "never",
    "check the terminal's framing"
  ],
  "frame-empty": [
    "a length of zero where the framing has no keep-alive",
    "",
    "never",
    "check the terminal's framing"
  ],
  "frame-length": [
    "the length field is not a number in this framing",
    "",
    "never",
    "check the terminal's framing"
  ],
  "frame-incomplete": [
    "the frame was not completed in time",
    "",
    "never",
    "look at the terminal's network"
  ],
  // --- message: a frame, but not a message of the dialect
  "message-format": [
    "the message does not follow the dialect",
    "30",
    "never",
    "decode it with the dialect; compare its fields"
  ],
  "mti-unknown": [
    "the dialect has no such message type",
    "12",
    "never",
    "check dialect and terminal software"
  ],
  "field-unknown": [
    "a field that the dialect lacks",
    "30",
    "never",
    "check dialect and terminal software"
  ],
  "field-missing": [
    "a mandatory field is absent",
    "30",
    "never",
    "check dialect and terminal software"
  ],
  "codec-defect": [
    "the codec failed on this message, twice",
    "96",
    "never",
    "report the defect with the dialect's name"
  ],
  "transaction-unknown": [
    "no transaction kind matches the message",
    "12",
    "never",
    "check the dialect's kinds"
  ],
  // --- session: who speaks, may they
  "mac-wrong": ["the MAC does not verify", "A0", "never", "the terminal must sign in again"],
  "mac-missing": [
    "the profile demands a MAC and there is none",
    "A0",
    "never",
    "check the terminal's profile"
  ],
  "terminal-unknown": [
    "terminal and merchant are not registered",
    "97",
    "never",
    "register the terminal"
  ],
  "terminal-foreign": [
    "the terminal belongs to another merchant or session",
    "97",
    "never",
    "look for forged identity"
  ],
  "serial-used": [
    "the message's DUKPT counter was used before, or is older than those that were",
    "94",
    "never",
    "look for replayed traffic; when the terminal has new keys: keys forget-serial"
  ],
  "serial-foreign": [
    "the message's DUKPT device is not the terminal's",
    "97",
    "never",
    "look for forged identity; when the terminal has new keys: keys forget-serial"
  ],
  "not-signed-on": [
    "the terminal must sign in first",
    "77",
    "never",
    "none: the terminal signs in"
  ],
  "session-busy": ["the terminal's window is full", "96", "never", "none: the terminal waits"],
  "duplicate-conflict": [
    "same transaction key, other content",
    "94",
    "never",
    "look for a terminal that reuses STANs"
  ],
  "duplicate-stale": [
    "older than what the terminal sent since",
    "94",
    "never",
    "look for replayed traffic"
  ],
  "kind-forbidden": [
    "the terminal's profile forbids this kind",
    "58",
    "never",
    "check the terminal's profile"
  ],
  "terminal-blocked": [
    "the terminal is blocked, and this would begin something",
    "58",
    "never",
    "let it go when the reason is over"
  ],
  // --- route
  "no-route": [
    "no route matches card, channel and amount",
    "15",
    "never",
    "check the routing table"
  ],
  "upstream-down": [
    "no candidate upstream has a link that stands",
    "91",
    "never",
    "look at the upstreams"
  ],
  "breaker-open": [
    "the circuit breakers of all candidates are open",
    "91",
    "never",
    "look at the upstreams"
  ],
  "window-full": [
    "the windows of all candidates are full",
    "91",
    "never",
    "look at the upstreams' speed"
  ],
  "untranslatable": [
    "the message cannot be mapped to the upstream's dialect",
    "30",
    "never",
    "check the mapping"
  ],
  "original-unknown": ["the original transaction was not found", "25", "never", "none"],
  "original-sought": [
    "a reversal was acknowledged, and its original is looked for in PostgreSQL",
    "00",
    "never",
    "none; where it stays for long, look at the ledger's health"
  ],
  "ledger-unavailable": [
    "the original is not in the journal, and PostgreSQL does not answer",
    "91",
    "never",
    "look at the ledger's health"
  ],
  "original-state": ["the original's state does not allow this", "22", "never", "none"],
  "amount-exceeds": ["above what remains of the original", "13", "never", "none"],
  // --- in doubt
  "upstream-timeout": [
    "written, and no answer in time",
    "68",
    "perhaps",
    "a reversal is on its way"
  ],
  "link-lost": [
    "written, and the link broke before the answer",
    "68",
    "perhaps",
    "a reversal is on its way"
  ],
  "answer-invalid": [
    "the upstream's answer contradicts the request",
    "96",
    "yes",
    "a reversal is on its way"
  ],
  "restarted": [
    "the switch ended before the answer came",
    "68",
    "perhaps",
    "a reversal is on its way"
  ],
  "undeliverable": [
    "approved, and no live socket took the answer",
    "68",
    "yes",
    "a reversal is on its way"
  ],
  "taken-back": [
    "its terminal reversed it while a void of it was under way, which gave it back",
    "00",
    "yes",
    "none"
  ],
  // --- house
  "journal-full": [
    "the journal is at its limit",
    "96",
    "never",
    "bring PostgreSQL back or give space"
  ],
  "journal-failed": ["the journal's commit failed", "", "perhaps", "restart; recovery decides"],
  "draining": ["the switch is shutting down", "91", "never", "none: the terminal reconnects"],
  "overloaded": [
    "the deadline could not have been met",
    "96",
    "never",
    "none: load is above capacity"
  ],
  "hsm-unavailable": ["the security module does not answer", "96", "never", "look at the HSM"],
  "key-missing": [
    "no working key for this terminal",
    "A0",
    "never",
    "the terminal must sign in again"
  ],
  "pin-refused": ["the PIN block cannot be translated", "99", "never", "look at the PIN format"],
  // --- notifications
  "notification-forged": [
    "the signature does not verify",
    "",
    "never",
    "look for forged notifications"
  ],
  "notification-stale": ["outside the replay window", "", "never", "check clocks"],
  "notification-format": [
    "the notification does not follow its format",
    "",
    "never",
    "look at the wallet's change log"
  ],
  "notification-oversized": ["larger than the limit", "", "never", "look for abuse"],
  "notification-unmatched": [
    "no order and no counter for this payment",
    "",
    "never",
    "resolve by hand"
  ],
  "notification-unhandled": [
    "genuine, and of something that the switch does not book",
    "",
    "never",
    "send such notices elsewhere, or resolve by hand"
  ]
} as const satisfies Record<string, readonly [string, string, Seen, string]>

export type FailureCode = keyof typeof rows

export const failures: Readonly<Record<FailureCode, Failure>> = Object.freeze(
  Object.fromEntries(
    Object.entries(rows).map(([code, [meaning, response, seen, action]]) => [
      code,
      Object.freeze({ code: code as FailureCode, meaning, response, seen, action })
    ])
  ) as Record<FailureCode, Failure>
)
