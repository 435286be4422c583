/**
 * The rows of the fault catalogue that a simulator can inject (column S), and those of them whose
 * subject the seeded world does not have: where they are shown instead.
 */

export const simulated: ReadonlyArray<string> = [
  ..."N1 N2 N3 N4 N5 N6 N7 N8 N10".split(" "),
  ..."U1 U2 U3 U4 U5 U6 U7 U8 U9 U10 U11 U12 U13 U14 U15 U16 U17 U18 U19 U20 U21 U22".split(" "),
  ..."P1 P2 P3 P7 P10".split(" "),
  ..."D3 D4 D5 D6".split(" "),
  ..."B3 B5 B6 B7 B10".split(" "),
  ..."K1 K2 K3 K4".split(" "),
  ..."O2 O3 O4 O5".split(" "),
  ..."M1 M2 M3 M4 M5 M6 M7 M8 M9 M10 M12".split(" "),
  ..."G1 G2 G3 G4 G5 G7 G8 G9".split(" ")
]

/** Each with the tests that show it, and why the world does not. */
export const elsewhere: Readonly<Record<string, string>> = {
  B10: "test/ledger/database-faults.test.ts and postgres-store.test.ts, on a real server: " +
    "partitions are PostgreSQL's own, and a pretended one would prove only the pretence"
}
