/** How the customer paid. Card and QR are one model: a channel is a column, never another road. */

export const channels = [
  /** Contact chip, ISO 8583 entry mode 05. */
  "chip",
  /** Contactless chip, entry mode 07. */
  "contactless",
  /** Magnetic stripe, entry modes 02 and 90. */
  "magnetic",
  /** Typed card number, entry mode 01. */
  "manual",
  /** The shop scanned the customer's pay code (B scans C), entry mode 03. */
  "qr-customer",
  /** The customer scanned a code on the shop's screen, made for this order. */
  "qr-screen",
  /** The customer scanned the shop's printed code. */
  "qr-printed",
  /** No card and no code: network management, settlement, advice without an entry mode. */
  "none"
] as const

export type Channel = typeof channels[number]

export const schemes = ["card", "wechat", "alipay", "unionpay-qr", "emv-qr", "generic-qr"] as const

export type Scheme = typeof schemes[number]
