/**
 * The checksum of EMVCo merchant codes: CRC-16 with polynomial 1021, initial FFFF, not reflected,
 * no final XOR (ISO/IEC 13239 as EMVCo MPM 4.7.3 uses it). Check value of `123456789`: 29B1.
 */

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 8
  for (let bit = 0; bit < 8; bit++) value = value & 0x8000 ? (value << 1) ^ 0x1021 : value << 1
  return value
})

/** 0 to 65535. */
export function crc16(bytes: Uint8Array): number {
  let value = 0xffff
  for (const byte of bytes) value = ((value << 8) & 0xffff) ^ table[(value >> 8) ^ byte]!
  return value
}

/** Four upper-case hex digits, leading zeros kept: as they stand in a code. */
export function crc16Text(bytes: Uint8Array): string {
  return crc16(bytes).toString(16).toUpperCase().padStart(4, "0")
}
