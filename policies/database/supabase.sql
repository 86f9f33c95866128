-- What Custode's own role needs on a Supabase Postgres besides policies/database/grants.sql, which is run first:
--
--     psql -v role=custode_service -f policies/database/supabase.sql "$OWNER_URL"
--
-- There the tables of the SaaS usually have row-level security, and a role that it hides rows from would take living
-- objects for dead ones. Custode notices: `custode gc` stops at the brake row_security (exit 3), and nothing is collected.
-- So the role passes by it. The roles that the project's HTTP API uses are kept out of Custode's schema. Safe to repeat.

\set ON_ERROR_STOP on
begin;
alter role :"role" bypassrls;
-- The project's HTTP API serves the schemas that it is told to: whoever adds this one by mistake gives nothing away.
select format('revoke all on schema custode from %I', rolname) from pg_roles where rolname in ('anon', 'authenticated')
\gexec
commit;
