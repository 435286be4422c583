/**
 * What is left to do of a turn of the event loop, once its sockets were read. What must hold: a
 * task that was deferred while deferred tasks run waits for the next turn, so that sockets are read
 * in between; what waits for the end runs in this turn, whoever asked for it; a task that throws
 * costs nobody else their turn.
 *
 *   sockets are read ──► deferred ──► at the end (also what these two ask for) ──► next turn
 */

type Task = () => void

export class Turn {
  readonly #afterReading: (run: Task) => void
  readonly #run = () => this.#finish()
  #deferred: Array<Task> = []
  #ends: Array<Task> = []
  #scheduled = false

  /** `afterReading` runs something once, when the sockets were read: `setImmediate`. */
  constructor(afterReading: (run: Task) => void) {
    this.#afterReading = afterReading
  }

  defer(task: Task): void {
    this.#deferred.push(task)
    this.#schedule()
  }

  atEnd(task: Task): void {
    this.#ends.push(task)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#afterReading(this.#run)
  }

  #finish(): void {
    const deferred = this.#deferred
    const ends = this.#ends
    this.#deferred = []
    let ran = 0
    let ended = 0
    try {
      for (const task of deferred) {
        ran++
        task()
      }
      for (const task of ends) {
        ended++
        task()
      }
    } finally {
      this.#scheduled = false
      this.#ends = ends.slice(ended)
      this.#deferred = [...deferred.slice(ran), ...this.#deferred]
      if (this.#ends.length > 0 || this.#deferred.length > 0) this.#schedule()
    }
  }
}
