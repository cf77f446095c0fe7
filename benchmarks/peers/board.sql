-- The peer's database: the same reps, targets, postings, customers and statements, as flat tables
-- with the indexes that the boards want. PostGraphile serves what it finds here.
DROP SCHEMA IF EXISTS app CASCADE;
CREATE SCHEMA app;
SET search_path = app;
CREATE TABLE unit (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE rep (id uuid PRIMARY KEY, name text NOT NULL, unit_id uuid NOT NULL REFERENCES unit);
CREATE INDEX ON rep (unit_id);
CREATE TABLE target (
  id uuid PRIMARY KEY, rep_id uuid NOT NULL REFERENCES rep, parent_id uuid REFERENCES target,
  metric text NOT NULL, period text NOT NULL, first_on date NOT NULL, last_on date NOT NULL,
  target numeric(18, 2) NOT NULL
);
CREATE INDEX ON target (rep_id, period, metric);
CREATE INDEX ON target (parent_id);
CREATE TABLE stage (code text PRIMARY KEY, position int NOT NULL, kind text NOT NULL);
CREATE TABLE rollup (
  rep_id uuid NOT NULL, measure text NOT NULL, stage text NOT NULL, day date NOT NULL,
  deals bigint NOT NULL, amount_minor bigint NOT NULL
);
CREATE INDEX ON rollup (rep_id, measure, stage, day) INCLUDE (deals, amount_minor);
CREATE TABLE customer (
  id uuid PRIMARY KEY, rep_id uuid NOT NULL REFERENCES rep, tier text, revenue_minor bigint NOT NULL
);
CREATE INDEX ON customer (rep_id);
CREATE TABLE statement (
  id uuid PRIMARY KEY, rep_id uuid NOT NULL REFERENCES rep, period text NOT NULL,
  status text NOT NULL, earned_minor bigint NOT NULL
);
CREATE INDEX ON statement (rep_id, period);
CREATE TABLE statement_line (
  statement_id uuid NOT NULL REFERENCES statement, line_no int NOT NULL, component text NOT NULL,
  amount_minor bigint NOT NULL, PRIMARY KEY (statement_id, line_no)
);

CREATE FUNCTION target_actual(t target) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(amount_minor), 0) / 100.0 FROM app.rollup
  WHERE rep_id = t.rep_id AND measure = 'won' AND day BETWEEN t.first_on AND t.last_on $$;
CREATE FUNCTION target_attainment(t target) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT round(app.target_actual(t) * 100 / nullif(t.target, 0), 1) $$;
CREATE TYPE funnel_row AS (
  code text, entered bigint, open bigint, amount numeric, conversion numeric
);
CREATE FUNCTION rep_funnel(r rep, from_day date, to_day date) RETURNS SETOF funnel_row
LANGUAGE sql STABLE ROWS 5 AS $$
  SELECT s.code, coalesce(x.entered, 0)::bigint, coalesce(x.open, 0)::bigint,
    coalesce(CASE WHEN s.kind = 'open' THEN x.open_minor ELSE x.entered_minor END, 0) / 100.0,
    CASE WHEN s.kind = 'open' THEN round(x.advanced * 100.0 / nullif(x.entered, 0), 1) END
  FROM app.stage s LEFT JOIN (
    SELECT stage,
      sum(deals) FILTER (WHERE measure = 'entered' AND day >= from_day) AS entered,
      sum(amount_minor) FILTER (WHERE measure = 'entered' AND day >= from_day) AS entered_minor,
      sum(deals) FILTER (WHERE measure = 'advanced' AND day >= from_day) AS advanced,
      sum(deals) FILTER (WHERE measure = 'open') AS open,
      sum(amount_minor) FILTER (WHERE measure = 'open') AS open_minor
    FROM app.rollup WHERE rep_id = r.id AND measure IN ('entered', 'advanced', 'open')
      AND day <= to_day GROUP BY stage
  ) x ON x.stage = s.code ORDER BY s.position $$;
CREATE FUNCTION rep_win_rate(r rep, from_day date, to_day date) RETURNS numeric
LANGUAGE sql STABLE AS $$
  SELECT round(sum(deals) FILTER (WHERE measure = 'won') * 100.0 / nullif(sum(deals), 0), 1)
  FROM app.rollup WHERE rep_id = r.id AND measure IN ('won', 'lost')
    AND day BETWEEN from_day AND to_day $$;
CREATE TYPE tier_row AS (tier text, customers bigint, revenue numeric);
CREATE FUNCTION rep_tiers(r rep) RETURNS SETOF tier_row LANGUAGE sql STABLE ROWS 3 AS $$
  SELECT tier, count(*), sum(revenue_minor) / 100.0 FROM app.customer WHERE rep_id = r.id
  GROUP BY tier $$;
