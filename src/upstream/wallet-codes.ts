/** What a wallet's refusal is in the words of ISO 8583:1987, for the terminal's display. */

const words: ReadonlyArray<readonly [RegExp, string]> = [
  // Alipay and WeChat by name; UnionPay by number.
  [/NOT_?ENOUGH|^(?:64|90)$/, "51"],
  [/AUTH_?CODE|^(?:71|73|86|88)$/, "14"],
  [/LIMIT|EXCEED|RESTRICTION|^(?:33|81|87)$/, "61"],
  [/RISK|^38$/, "59"],
  [/NO_?AUTH|FORBID|PERMISSION|^(?:31|32|43|44)$/, "58"]
]

export function walletCodeIn1987(code: string): string {
  return words.find(([pattern]) => pattern.test(code))?.[1] ?? "05"
}
