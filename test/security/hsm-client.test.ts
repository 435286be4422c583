/** The host-command client and module under a security module that is slow, wrong or gone. */

import { Effect, Layer } from "effect"
import { afterEach, describe, expect, it } from "vitest"
import type { KeyHandle } from "../../src/domain/brand.ts"
import { SecurityModule } from "../../src/domain/ports/security-module.ts"
import type { HsmFailure } from "../../src/security/hsm-client.ts"
import { diagnostics, echo } from "../../src/security/hsm-command.ts"
import { hsmModule, hsmModuleLayer } from "../../src/security/hsm-module.ts"
import { fault, isFault, type SecurityFault } from "../../src/security/security-fault.ts"
import { goodHsmTemper, type HsmMood } from "../../src/simulate/hsm.ts"
import { built } from "../actor/built.ts"
import { demoStore } from "./demo-store.ts"
import { type HsmRig, hsmRig, machine, until } from "./hsm-rig.ts"

let rig: HsmRig | undefined

afterEach(async () => {
  await rig?.close()
  rig = undefined
})

function ask(from: HsmRig, body: Buffer): Promise<string | SecurityFault> {
  return new Promise((resolve) => from.client.send(body, resolve))
}

function mood(of: HsmRig, name: HsmMood): void {
  of.hsm.temper = { ...goodHsmTemper, shares: { [name]: 1 }, slowMs: 100 }
}

const gone = fault("hsm-unavailable")

const none: Readonly<Record<HsmFailure, number>> = {
  "no-link": 0,
  "queue-full": 0,
  "breaker-open": 0,
  "timed-out": 0,
  "link-lost": 0,
  misfit: 0,
  failed: 0
}

describe("the client", () => {
  it("speaks to the module: diagnostics and the published echo", async () => {
    rig = await hsmRig()
    expect(await ask(rig, diagnostics())).toMatch(/^[0-9A-F]{16}0007-E000$/)
    expect(echo("PING").toString()).toBe("B20004PING")
    expect(await ask(rig, echo("PING"))).toBe("PING")
  })

  it("keeps answers apart, however many are under way, and queues what is above the windows", async () => {
    rig = await hsmRig({ connections: 2, window: 4, queue: 500 })
    const asked = rig
    const texts = Array.from({ length: 500 }, (_, index) => `number ${index}`)
    const answers = texts.map((text) => ask(asked, echo(text)))
    expect(asked.client.counts()).toMatchObject({ outstanding: 8, queued: 492 })
    expect(await Promise.all(answers)).toEqual(texts)
    expect(asked.client.counts()).toMatchObject({ outstanding: 0, queued: 0, failures: none })
  })

  it("never has more under way than there are headers", async () => {
    rig = await hsmRig({ connections: 1, headerLength: 1, window: 100, queue: 100 })
    const asked = rig
    const texts = Array.from({ length: 60 }, (_, index) => `number ${index}`)
    const answers = texts.map((text) => ask(asked, echo(text)))
    expect(asked.client.counts()).toMatchObject({ outstanding: 9, queued: 51 })
    expect(await Promise.all(answers)).toEqual(texts)
  })

  it("declines what neither windows nor queue can hold", async () => {
    rig = await hsmRig({ connections: 1, window: 2, queue: 3 })
    const asked = rig
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(asked, echo("x"))))
    expect(answers.filter((answer) => answer === gone)).toHaveLength(3)
    expect(answers.filter((answer) => answer === "x")).toHaveLength(5)
    expect(asked.client.counts()).toMatchObject({ sent: 5, failures: { ...none, "queue-full": 3 } })
  })

  it("does not hold against a well module what it declined itself", async () => {
    rig = await hsmRig({ connections: 1, window: 2, queue: 3 }, 10)
    const asked = rig
    await Promise.all(Array.from({ length: 100 }, () => ask(asked, echo("x"))))
    expect(await ask(asked, echo("still there"))).toBe("still there")
  })

  it("waits for a slow module, and gives up on a silent one", async () => {
    rig = await hsmRig({ timeoutMs: 400 })
    mood(rig, "slow")
    expect(await ask(rig, echo("late but in time"))).toBe("late but in time")
    mood(rig, "silent")
    expect(await ask(rig, echo("x"))).toBe(gone)
    expect(rig.client.counts()).toMatchObject({
      failures: { ...none, "timed-out": 1 },
      outstanding: 0,
      links: 2
    })
  })

  it("drops an answer that comes after its time, and goes on", async () => {
    rig = await hsmRig({ connections: 1, timeoutMs: 300 })
    const asked = rig
    asked.hsm.temper = { ...goodHsmTemper, shares: { slow: 1 }, slowMs: 600 }
    expect(await ask(asked, echo("too late"))).toBe(gone)
    asked.hsm.temper = goodHsmTemper
    expect(await ask(asked, echo("well"))).toBe("well")
    await until(() => asked.hsm.commands === 2)
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(asked.client.counts().links).toBe(1)
    expect(await ask(asked, echo("still well"))).toBe("still well")
  })

  it("leaves a connection whose whole window timed out", async () => {
    rig = await hsmRig({ connections: 1, window: 2, timeoutMs: 300 })
    const asked = rig
    mood(asked, "silent")
    await Promise.all([ask(asked, echo("a")), ask(asked, echo("b"))])
    await until(() => asked.client.counts().links === 0)
    asked.hsm.temper = goodHsmTemper
    await until(() => asked.client.counts().links === 1)
    expect(await ask(asked, echo("back"))).toBe("back")
  })

  it.each<readonly [HsmMood, SecurityFault, HsmFailure]>([
    ["wrong-header", gone, "link-lost"],
    ["wrong-command", fault("hsm-answer"), "misfit"],
    ["half", gone, "link-lost"],
    ["gone", gone, "link-lost"]
  ])(
    "ends the connection of a module that is %s, and comes back",
    async (name, refusal, failure) => {
      rig = await hsmRig({ connections: 1 })
      const asked = rig
      mood(asked, name)
      expect(await ask(asked, echo("x"))).toBe(refusal)
      expect(asked.client.counts().failures).toEqual({ ...none, [failure]: 1 })
      await until(() => asked.client.counts().links === 0)
      asked.hsm.temper = goodHsmTemper
      await until(() => asked.client.counts().links === 1)
      expect(await ask(asked, echo("back"))).toBe("back")
    }
  )

  it("knows an error code from a broken module", async () => {
    rig = await hsmRig()
    mood(rig, "failed")
    expect(await ask(rig, echo("x"))).toBe(fault("hsm-failed"))
    expect(rig.client.counts()).toMatchObject({ links: 2, failures: { ...none, failed: 1 } })
  })

  it("refuses at once when there is no link, and nothing when it comes back", async () => {
    rig = await hsmRig()
    const asked = rig
    asked.hsm.temper = { ...goodHsmTemper, refuses: true }
    asked.hsm.drop()
    await until(() => asked.client.counts().links === 0)
    expect(await ask(asked, echo("x"))).toBe(gone)
    expect(asked.client.counts().failures).toEqual({ ...none, "no-link": 1 })
    asked.hsm.temper = goodHsmTemper
    await until(() => asked.client.counts().links === 2)
    expect(await ask(asked, echo("x"))).toBe("x")
  })

  const sick = [["answers nothing", "silent"], ["says that it failed", "failed"]] as const
  it.each(sick)("leaves alone a module that %s, and probes it with diagnostics", async (_, how) => {
    rig = await hsmRig({ timeoutMs: 200, window: 1000 }, 10)
    const asked = rig
    mood(asked, how)
    await Promise.all(Array.from({ length: 10 }, () => ask(asked, echo("x"))))
    const { failures, sent } = asked.client.counts()
    expect(await ask(asked, echo("refused"))).toBe(gone)
    const declined = { ...failures, "breaker-open": 1 }
    expect(asked.client.counts()).toMatchObject({ sent, failures: declined })
    asked.hsm.temper = goodHsmTemper
    let answer: string | SecurityFault = gone
    for (let round = 0; round < 500 && isFault(answer); round++) {
      answer = await ask(asked, echo("well again"))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(answer).toBe("well again")
  })

  it("asks what has waited as soon as a link is back", async () => {
    rig = await hsmRig({ connections: 1, window: 1 })
    mood(rig, "silent")
    const answers = [ask(rig, echo("a")), ask(rig, echo("b"))]
    expect(rig.client.counts()).toMatchObject({ outstanding: 1, queued: 1 })
    rig.hsm.drop()
    rig.hsm.temper = goodHsmTemper
    expect(await Promise.all(answers)).toEqual([gone, "b"])
  })

  it("answers everything when it is closed", async () => {
    rig = await hsmRig({ connections: 1, window: 1 })
    mood(rig, "silent")
    const answers = [ask(rig, echo("a")), ask(rig, echo("b"))]
    rig.client.close()
    expect(await Promise.all(answers)).toEqual([gone, gone])
    expect(await ask(rig, echo("c"))).toBe(gone)
    expect(rig.client.counts()).toMatchObject({ links: 0, outstanding: 0, queued: 0 })
  })

  it("refuses a command that fits no frame", async () => {
    rig = await hsmRig()
    expect(await ask(rig, Buffer.alloc(70_000, 0x41))).toBe(fault("length-unfit"))
  })
})

describe("the module", () => {
  const block = Buffer.from(demoStore().current("mak-65465423")!.block, "latin1")

  it("makes no MAC of a broken answer, and tells why", async () => {
    rig = await hsmRig()
    const seen: Array<string> = []
    const onRefused = (refusal: SecurityFault) => seen.push(refusal.code)
    const one = hsmModule({ ...rig.module, onRefused }, rig.client)
    const handle = one.install(block, "mac") as KeyHandle
    const mac = () =>
      new Promise((resolve) =>
        one.makeMac(handle, { name: "cup-ecb" }, Buffer.from("0200"), resolve)
      )
    mood(rig, "failed")
    expect(await mac()).toBeUndefined()
    mood(rig, "gone")
    expect(await mac()).toBeUndefined()
    expect(seen).toEqual(["hsm-failed", "hsm-unavailable"])
  })

  it("fails an issue of keys by name when the module is away", async () => {
    rig = await hsmRig()
    const one = hsmModule(rig.module, rig.client)
    mood(rig, "gone")
    const failure = await Effect.runPromise(Effect.flip(one.issueWorkingKeys("tmk-demo", "cup-40")))
    expect(failure).toBe("hsm-unavailable")
  })

  it("refuses what no host command does", async () => {
    rig = await hsmRig()
    const one = hsmModule({ ...rig.module, maxKeys: 1 }, rig.client)
    expect(one.derive("bdk-demo-tdes", Buffer.alloc(10), "mac-request")).toBe("key-missing")
    expect(one.install(block, "mac")).toBe(1)
    const other = Buffer.from(demoStore().current("zpk-demo")!.block, "latin1")
    expect(one.install(other, "pin")).toBe("overloaded")
    const sm4 = await Effect.runPromise(
      Effect.flip(one.issueWorkingKeys("tmk-demo-sm4", "cup-57-sm4"))
    )
    expect(sm4).toBe("key-missing")
  })

  it("does not ask the module for a translation that the PIN table forbids", async () => {
    rig = await hsmRig()
    const one = hsmModule(rig.module, rig.client)
    const pin = Buffer.from(demoStore().current("zpk-demo")!.block, "latin1")
    const handle = one.install(pin, "pin") as KeyHandle
    const answer = await new Promise((resolve) =>
      one.translatePin({
        from: handle,
        to: handle,
        fromFormat: 0,
        toFormat: 1,
        pan: "4012345678909",
        block: Buffer.alloc(8)
      }, resolve)
    )
    expect(answer).toBe("pin-refused")
    expect(rig.hsm.commands).toBe(0)
  })

  it("is not asked to seal a PIN under a base key: what it derives is for one message", async () => {
    rig = await hsmRig()
    const one = hsmModule(rig.module, rig.client)
    const pin = Buffer.from(demoStore().current("zpk-demo")!.block, "latin1")
    const serial = Buffer.from("FFFF9876543210E00001", "hex")
    const request = {
      from: one.install(pin, "pin") as KeyHandle,
      to: one.derive("bdk-demo-tdes", serial, "pin") as KeyHandle,
      fromFormat: 0,
      toFormat: 0,
      pan: "4012345678909",
      block: Buffer.alloc(8)
    } as const
    const { sent } = rig.client.counts()
    const answer = await new Promise((resolve) => one.translatePin(request, resolve))
    expect([answer, rig.client.counts().sent]).toEqual(["key-missing", sent])
  })

  it("stands as a layer and closes with its scope", async () => {
    rig = await hsmRig()
    const layer = hsmModuleLayer(rig.module).pipe(Layer.provide(machine))
    const house = built(layer)
    const one = house.get(SecurityModule)
    expect(one.place).toBe("hsm")
    const issued = await (async () => {
      for (let round = 0; round < 200; round++) {
        const result = await Effect.runPromise(
          Effect.result(one.issueWorkingKeys("tmk-demo", "cup-40"))
        )
        if (result._tag === "Success") return result.success
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      return undefined
    })()
    expect(issued?.download).toHaveLength(40)
    await house.close()
  })
})
