/** "Did you mean": the nearest of the known words, where one is near enough to be a slip. */

/** ` Did you mean X?` with a leading space, or nothing. */
export function suggestion(word: string, known: Iterable<string>): string {
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const each of known) {
    if (Math.abs(each.length - word.length) >= bestDistance) continue
    const distance = editDistance(word.toLowerCase(), each.toLowerCase())
    if (distance < bestDistance) {
      best = each
      bestDistance = distance
    }
  }
  return best === undefined ? "" : ` Did you mean ${best}?`
}

/** Levenshtein distance with neighbouring letters swapped counted as one step. */
function editDistance(left: string, right: string): number {
  const width = right.length + 1
  let before: Array<number> = []
  let previous = Array.from({ length: width }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column < width; column++) {
      const same = left[row - 1] === right[column - 1]
      let cost = Math.min(
        previous[column]! + 1,
        current[column - 1]! + 1,
        previous[column - 1]! + (same ? 0 : 1)
      )
      const swapped = row > 1 && column > 1 && left[row - 1] === right[column - 2] &&
        left[row - 2] === right[column - 1]
      if (swapped) cost = Math.min(cost, before[column - 2]! + 1)
      current.push(cost)
    }
    before = previous
    previous = current
  }
  return previous[width - 1]!
}
