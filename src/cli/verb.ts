/**
 * What a verb of the command line is: data about it, and the function that does it. Verbs are
 * loaded when they are called, so that `--help` and small verbs start at once.
 */

/** 0 fine, 1 a check failed, 2 wrong usage, 3 the environment. */
export type ExitCode = 0 | 1 | 2 | 3

/** How a verb meets the world. Data goes out, talk is said. */
export interface Streams {
  /** Standard output. Card numbers in it are masked, always. */
  readonly out: (text: string) => void
  /** Standard output, byte for byte: for messages that the caller composed. */
  readonly raw: (bytes: Uint8Array | string) => void
  /** One line on standard error, masked too. */
  readonly say: (line: string) => void
  /** All of standard input. */
  readonly input: () => Promise<Buffer>
  /** One line of standard input after a question on standard error; `hidden`: not echoed. */
  readonly ask: (question: string, hidden: boolean) => Promise<string>
  readonly environment: (name: string) => string | undefined
  /** Calls `ended` once for the first request to end, `hangup` for every SIGHUP. */
  readonly signals: (ended: () => void, hangup: () => void) => void
}

export interface Flag {
  /** All but `yes` take a value; a share is a number, or a percentage as `5%`. */
  readonly type: "text" | "number" | "share" | "yes"
  readonly about: string
  /** What stands for the value in help: `<file>`. */
  readonly value?: string
  readonly fallback?: string | number
  readonly choices?: ReadonlyArray<string>
}

export interface Parameter {
  readonly name: string
  readonly about: string
  readonly presence: "one" | "optional" | "many"
}

export interface Call {
  readonly streams: Streams
  /** In the order of the verb's parameters. */
  readonly parameters: ReadonlyArray<string>
  readonly text: (flag: string) => string | undefined
  readonly number: (flag: string) => number | undefined
  readonly yes: (flag: string) => boolean
  readonly format: "text" | "json"
}

export interface Action {
  /** A sentence or two. */
  readonly about: string
  readonly parameters: ReadonlyArray<Parameter>
  readonly flags: Readonly<Record<string, Flag>>
  /** Command lines without the program's name, each with what it does. */
  readonly examples: ReadonlyArray<readonly [line: string, about: string]>
  readonly run: (call: Call) => Promise<ExitCode>
}

/** A verb does something, or has actions that do: `journal verify`. Unnamed, it is `list`. */
export type Verb = Action | { readonly about: string; readonly actions: Actions }

type Actions = Readonly<Record<string, Action>>

/** Why a verb ends early: one line that says what to do. */
export class Refusal extends Error {
  readonly exit: ExitCode

  constructor(exit: ExitCode, line: string) {
    super(line)
    this.exit = exit
  }
}

export const configFlag: Flag = {
  type: "text",
  value: "<file>",
  about: "configuration file; absent: pointsman.yaml, config/pointsman.yaml, or the one inside"
}

export const dialectFlag: Flag = {
  type: "text",
  value: "<name>",
  about: "dialect: a name that comes along, or a file"
}
