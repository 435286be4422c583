/**
 * Schema version 1: `transactions`, partitioned by business day, and the function that makes a
 * day's partition. A partition is made as a table of its own and then attached, because that waits
 * for nobody's query; there is no default partition, so no row can hide in one.
 */

import { createTable, statements, type Table } from "./table.ts"

const transactions: Table = {
  name: "transactions",
  comment: "One row a transaction, card and QR alike. Written forward only: a higher version " +
    "replaces a lower one. No clear card number, track, PIN block or CVV is ever here.",
  columns: [
    ["day", "date NOT NULL", "Business day, fixed when the transaction was accepted"],
    ["id", "uuid NOT NULL", "Our own name for the transaction: a UUID version 7, sorts by time"],
    ["version", "integer NOT NULL", "Grows with every durable change of the transaction"],
    ["node", "text NOT NULL", "Node of the switch that handled it"],
    ["state", "text NOT NULL", "State when this version was written; see transaction_state"],
    ["kind", "text NOT NULL", "What was asked for: sale, void, refund, preauth, completion ..."],
    ["channel", "text NOT NULL", "How the customer paid: chip, contactless, qr-customer ..."],
    ["scheme", "text NOT NULL", "card, wechat, alipay, unionpay-qr, emv-qr, generic-qr"],
    ["transaction_key", "text NOT NULL", "What makes a repeat a repeat in the terminal's dialect"],
    ["fingerprint", "text NOT NULL", "Keyed digest of amount, currency, processing code and card"],
    ["terminal", "text NOT NULL", "Card acceptor terminal (field 41)"],
    ["merchant", "text NOT NULL", "Card acceptor (field 42)"],
    ["session", "bigint NOT NULL", "Generation of the terminal's session that asked"],
    ["mti", "text NOT NULL", "Message type of the request"],
    ["processing_code", "text NOT NULL", "Field 3 of the request"],
    ["entry_mode", "text", "Field 22 of the request"],
    ["stan", "text NOT NULL", "The terminal's system trace audit number (field 11)"],
    ["batch", "text", "The terminal's batch number, where its dialect has one"],
    ["rrn", "text", "Retrieval reference number told to the terminal (field 37)"],
    ["local_time", "text", "MMDDhhmmss as the terminal wrote it"],
    ["amount", "bigint CHECK (amount >= 0)", "Minor units of the currency; absent without money"],
    ["currency", "text", "ISO 4217 numeric code"],
    ["approved_amount", "bigint", "Minor units approved when they differ from the amount"],
    ["pan_mask", "text CHECK (pan_mask LIKE '%*%')", "First six and last four digits of the card"],
    ["route", "text", "Rule of the routing table that was used"],
    ["upstream", "text", "Acquirer, issuer or wallet that was asked"],
    ["link", "integer", "Connection of the upstream that carried it"],
    ["upstream_stan", "text", "Trace number that we stamped for the upstream"],
    ["upstream_rrn", "text", "Retrieval reference number that we stamped for the upstream"],
    ["upstream_time", "text", "MMDDhhmmss sent to the upstream in field 7"],
    ["wallet_reference", "text", "Order, voucher or transaction number at a wallet"],
    ["config_version", "integer NOT NULL", "Configuration under which it was handled"],
    ["response", "text", "Response code told to the terminal"],
    ["upstream_response", "text", "Response code of the upstream, in its own dialect"],
    ["approved", "boolean", "Absent while nobody knows"],
    ["auth_code", "text", "Authorisation code (field 38)"],
    ["failure", "text", "Name of the failure, where the switch ended it; see the failure table"],
    ["original", "uuid", "The transaction that a void, refund or completion refers to"],
    ["taken", "bigint", "Minor units that follow-ons have taken from this one"],
    ["received_at", "timestamptz NOT NULL", "The request was received"],
    ["forwarded_at", "timestamptz", "The request was written to the upstream"],
    ["upstream_answered_at", "timestamptz", "The upstream's answer was received"],
    ["answered_at", "timestamptz", "The answer was ready for the terminal"],
    ["timed_out_at", "timestamptz", "The upstream's time was over"],
    ["reversed_at", "timestamptz", "The upstream acknowledged the reversal"],
    ["own_ms", "real", "Milliseconds that were the switch's"],
    ["upstream_ms", "real", "Milliseconds that were the upstream's"],
    [
      "story",
      "bigint[] NOT NULL",
      "Pairs of (state number, milliseconds since received_at), in " +
      "order; transaction_story unrolls them"
    ],
    ["written_at", "timestamptz NOT NULL DEFAULT now()", "This version was written here"]
  ],
  constraints: ["PRIMARY KEY (day, id)"],
  storage: "PARTITION BY RANGE (day)"
}

/** In the order of their numbers in `story`, from 0. */
const states = [
  "received",
  "accepted",
  "routed",
  "forwarded",
  "answered",
  "recorded",
  "refused",
  "timed-out",
  "reversing",
  "reversed",
  "delivery-unconfirmed",
  "exception"
]

const functions = [
  `CREATE FUNCTION transaction_state(number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT ('{${states.join(",")}}'::text[])[number + 1]
  $$`,
  "COMMENT ON FUNCTION transaction_state IS 'Name of a state by its number in story'",
  `CREATE FUNCTION transaction_story(received_at timestamptz, story bigint[])
    RETURNS TABLE (step integer, state text, at timestamptz) LANGUAGE sql IMMUTABLE AS $$
    SELECT n, transaction_state(story[2 * n - 1]),
      received_at + story[2 * n] * interval '1 millisecond'
    FROM generate_series(1, cardinality(story) / 2) AS n
  $$`,
  "COMMENT ON FUNCTION transaction_story IS 'The states that were reached, and when'",
  `CREATE FUNCTION ledger_partition(business_day date) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    DECLARE
      part text := 'transactions_' || to_char(business_day, 'YYYYMMDD');
    BEGIN
      IF to_regclass(part) IS NOT NULL THEN RETURN false; END IF;
      PERFORM pg_advisory_xact_lock(8583, 1);
      IF to_regclass(part) IS NOT NULL THEN RETURN false; END IF;
      EXECUTE format('CREATE TABLE %I (LIKE transactions INCLUDING DEFAULTS INCLUDING '
        'CONSTRAINTS INCLUDING COMMENTS) WITH (fillfactor = 90)', part);
      EXECUTE format('ALTER TABLE transactions ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        part, business_day, business_day + 1);
      RETURN true;
    END
  $$`,
  "COMMENT ON FUNCTION ledger_partition IS " +
  "'Makes the partition of a business day; false when it is there already'"
]

/** Each for a documented query: by either RRN, by terminal and time, and by time alone (BRIN). */
const indexes = [
  "CREATE INDEX transactions_rrn ON transactions (rrn) WHERE rrn IS NOT NULL",
  "CREATE INDEX transactions_upstream_rrn ON transactions (upstream_rrn) " +
  "WHERE upstream_rrn IS NOT NULL",
  "CREATE INDEX transactions_terminal ON transactions (terminal, received_at)",
  "CREATE INDEX transactions_received ON transactions USING brin (received_at)"
]

export const tables: ReadonlyArray<Table> = [transactions]

export const migration = statements([...createTable(transactions), ...indexes, ...functions])
