/** An echo over the machine's transport, started with few file descriptors; prints its port. */

import { listening } from "./machine.ts"

const server = await listening()
process.stdout.write(`${server.port}\n`)
for (;;) {
  const session = await server.next()
  const answer = () => {
    if (session.received.length > 0) session.connection.write(Buffer.from(session.received))
    session.received = ""
    if (session.events.includes("end")) session.connection.end()
  }
  session.onEvent = answer
  answer()
}
