/**
 * Schema version 4: three roles without login, for logins to be members of. Roles belong to the
 * whole server: they may be there already, and an administrator may have kept their making to
 * himself; then whoever runs this must be allowed to grant to them.
 */

import { statements } from "./table.ts"

const roles = ["pointsman_writer", "pointsman_reader", "pointsman_operator"]

const everything = "ALL TABLES IN SCHEMA"

const grants = (schema: string): ReadonlyArray<string> => [
  `GRANT USAGE ON SCHEMA ${schema} TO ${roles.join(", ")}`,
  `GRANT SELECT ON ${everything} ${schema} TO ${roles.join(", ")}`,
  `ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT SELECT ON TABLES TO ${roles.join(", ")}`,
  "GRANT INSERT ON transactions, advices, orders, notifications, pushes, batches, exceptions, " +
  "watermarks, terminals, merchants, audit_log TO pointsman_writer",
  "GRANT UPDATE ON transactions, advices, orders, pushes, watermarks, terminals, merchants " +
  "TO pointsman_writer",
  "REVOKE EXECUTE ON FUNCTION ledger_partition FROM PUBLIC",
  "GRANT EXECUTE ON FUNCTION ledger_partition TO pointsman_writer",
  "GRANT UPDATE (resolved_at, resolved_by, resolution) ON exceptions TO pointsman_operator",
  "GRANT INSERT ON audit_log TO pointsman_operator"
]

const makeRoles = roles.map((role) =>
  `DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN
      CREATE ROLE ${role} NOLOGIN;
    END IF;
  END $$`
)

const makeGrants = `DO $$ DECLARE here text := quote_ident(current_schema()); BEGIN
  ${grants("%s").map((text) => `EXECUTE format('${text.replaceAll("'", "''")}', here);`).join("\n")}
END $$`

export const migration = statements([...makeRoles, makeGrants])
