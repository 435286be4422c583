/** Why a session or a link ended. Each is counted, and kept for the operator to ask about (I14). */

const endReasons = [
  "peer-closed",
  "peer-reset",
  "idle",
  "first-message-late",
  "frame-incomplete",
  "frame-too-long",
  "frame-empty",
  "frame-length",
  "mac-wrong-repeated",
  "messages-bad-repeated",
  "taken-over",
  "signed-off",
  "slow-reader",
  "echo-missed",
  "address-refused",
  "address-not-allowed",
  "too-many-sessions",
  "handshake-failed",
  "identity-refused",
  "operator",
  "draining",
  "defect",
  "connect-failed",
  "certificate-refused",
  "connect-timeout"
] as const

export type EndReason = typeof endReasons[number]
