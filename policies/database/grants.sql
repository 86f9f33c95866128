-- What the role of CUSTODE_DATABASE_URL needs in the SaaS's database, and nothing more:
--
--     psql -v role=custode_service -f policies/database/grants.sql "$OWNER_URL"
--
-- Run it as the owner of the tables, after `custode schema install` by that owner; safe to repeat.

\set ON_ERROR_STOP on
begin;
grant select on jobs, artifacts to :"role";
grant update (input_ref) on jobs to :"role";
grant insert, delete on artifacts to :"role";
grant update (storage_ref) on artifacts to :"role";
-- Where artifacts.id counts by a sequence.
select format('grant usage on sequence %s to %I', pg_get_serial_sequence('artifacts', 'id'), :'role')
where pg_get_serial_sequence('artifacts', 'id') is not null \gexec
grant usage on schema custode to :"role";
grant select, insert, update, delete on all tables in schema custode to :"role";
grant usage on all sequences in schema custode to :"role";
grant execute on all functions in schema custode to :"role";
commit;
