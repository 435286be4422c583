/** Strings that have been checked once, so that nobody checks or confuses them again. */

declare const brand: unique symbol

type Brand<Base, Name extends string> = Base & { readonly [brand]: Name }

/** System trace audit number, ISO 8583 field 11: 6 digits (12 in the 2003 version). */
export type Stan = Brand<string, "Stan">

/** Retrieval reference number, ISO 8583 field 37: 12 characters. */
export type Rrn = Brand<string, "Rrn">

/** Card acceptor terminal identification, ISO 8583 field 41, as it travels: 8 characters. */
export type TerminalId = Brand<string, "TerminalId">

export const terminalIdLength = 8

/** As people write it: the spaces that fill its field may be left out. */
export const terminalIdOf = (text: string): TerminalId =>
  text.padEnd(terminalIdLength) as TerminalId

/** Card acceptor identification code, ISO 8583 field 42, as it travels: 15 characters. */
export type MerchantId = Brand<string, "MerchantId">

export const merchantIdLength = 15

/** Likewise. */
export const merchantIdOf = (text: string): MerchantId =>
  text.padEnd(merchantIdLength) as MerchantId

/** Our own name for a transaction: a UUID version 7 in canonical text form. */
export type TransactionId = Brand<string, "TransactionId">

/** `YYYY-MM-DD`, fixed when the transaction is accepted, by the acquirer's cut-over time. */
export type BusinessDay = Brand<string, "BusinessDay">

/** Names a key inside the security module; says nothing about its value. */
export type KeyHandle = Brand<number, "KeyHandle">
