/**
 * A DUKPT key serial number taken apart: the device that made it, and its count.
 *
 *   X9.24-1, 10 bytes   | key set and device, 59 bits | counter, 21 bits |
 *   X9.24-3, 12 bytes   | base key 32 bits | device 32 bits | counter 32 bits |
 */

export interface KeySerial {
  /**
   * The serial number of its initial key, whose counter is zero: hex in fours, as it is printed,
   * and so never a run of digits that may be taken for a card number.
   */
  readonly device: string
  readonly counter: number
}

/** Undefined: it has neither length. Whether its counter has a key is for the derivation to say. */
export function keySerialOf(serial: Uint8Array): KeySerial | undefined {
  if (serial.length !== 10 && serial.length !== 12) return undefined
  const device = Buffer.from(serial)
  const last = device.readUInt32BE(device.length - 4)
  const kept = device.length === 10 ? 0xffe0_0000 : 0
  device.writeUInt32BE((last & kept) >>> 0, device.length - 4)
  return { device: inFours(device.toString("hex")), counter: (last & ~kept) >>> 0 }
}

function inFours(hex: string): string {
  return hex.toUpperCase().replace(/.{4}(?=.)/g, "$& ")
}
