/** Schema version 3: the estate as it was last configured, and the audit log. */

import { createTable, statements, type Table } from "./table.ts"

export const tables: ReadonlyArray<Table> = [
  {
    name: "merchants",
    comment: "Merchants of the estate, as last configured.",
    columns: [
      ["merchant", "text PRIMARY KEY", "Card acceptor (field 42)"],
      ["name", "text NOT NULL", "Its name"],
      ["category", "text NOT NULL", "ISO 18245 merchant category code"],
      ["updated_at", "timestamptz NOT NULL DEFAULT now()", "Last change"]
    ],
    constraints: []
  },
  {
    name: "terminals",
    comment: "Terminals of the estate, as last configured.",
    columns: [
      ["terminal", "text PRIMARY KEY", "Card acceptor terminal (field 41)"],
      ["merchant", "text NOT NULL REFERENCES merchants", "Its merchant"],
      ["terminal_group", "text NOT NULL", "Group that routing rules name"],
      ["identity", "text NOT NULL", "How it proves who it is: sign-on, mac, certificate, hello"],
      ["mac_required", "boolean NOT NULL", "Its messages must carry a right MAC"],
      ["kinds", "text[] NOT NULL", "Kinds of transaction that it may ask for"],
      ["channels", "text[] NOT NULL", "Channels that it may use"],
      ["currencies", "text[] NOT NULL", "ISO 4217 numeric codes that it may use"],
      ["counter", "text", "Counter name on its printed code"],
      ["blocked", "boolean NOT NULL", "Refused for now"],
      ["updated_at", "timestamptz NOT NULL DEFAULT now()", "Last change"]
    ],
    constraints: []
  },
  {
    name: "audit_log",
    comment: "Who did what to the switch. Append only; each entry carries the hash of the one " +
      "before it, so that a change or a gap shows.",
    columns: [
      ["sequence", "bigint PRIMARY KEY", "1, 2, 3 ... without a gap"],
      ["at", "timestamptz NOT NULL", "When it was done"],
      ["actor", "text NOT NULL", "Who did it"],
      ["origin", "text NOT NULL", "From where: address, or the command line"],
      ["action", "text NOT NULL", "What was done"],
      ["target", "text NOT NULL", "To what"],
      ["outcome", "text NOT NULL", "done, refused, failed"],
      ["detail", "text NOT NULL", "What else is known, masked"],
      ["previous_hash", "text NOT NULL", "Hash of the entry before; 64 zeros for the first"],
      ["hash", "text NOT NULL", "SHA-256 over the hash before and all other columns, in order"]
    ],
    constraints: []
  }
]

/** Nobody changes or removes an audit entry, the owner of the table included. */
const guards = [
  `CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'audit_log is append only' USING ERRCODE = '42501'; END
  $$`,
  "COMMENT ON FUNCTION audit_log_is_append_only IS 'Refuses every change of the audit log'",
  `CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only()`
]

export const migration = statements([...tables.flatMap(createTable), ...guards])
