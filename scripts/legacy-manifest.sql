-- Makes a manifest for `custode migrate` out of references from before that are neither paths nor keys: those that a
-- regular expression matches, rewritten to where the files lie.
--
--     psql -qX -v pattern='^https://files\.example\.org/' -v replacement='/srv/uploads/' \
--         -f scripts/legacy-manifest.sql "$DATABASE_URL" >manifest.csv
--
-- Of several artifacts of one job and kind the newest is taken, as the service does. Percent-encoded names stay so.

\set ON_ERROR_STOP on
copy (
    select regexp_replace(r.reference, :'pattern', :'replacement') as source, r.job_id, r.object
    from (
        select id::text as job_id, 'input' as object, input_ref as reference from jobs
        union all
        (select distinct on (job_id, kind) job_id::text, kind::text, storage_ref from artifacts order by job_id, kind, id desc)
    ) r
    where r.reference ~ :'pattern' and not exists (select from custode.objects o where o.key = r.reference)
    order by r.job_id, r.object
) to stdout with (format csv, header);
