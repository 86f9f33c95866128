-- Lets nobody but the service role at the bucket of a Supabase project, whatever other policies say:
--
--     sed 's/BUCKET/recordings/g' policies/bucket/supabase.sql | psql "$PROJECT_DATABASE_URL"
--
-- or paste it into the SQL editor. Safe to repeat. The service role, whose key Custode holds, passes by row-level security;
-- users of the project and strangers do not, and no permissive policy written elsewhere opens what a restrictive one closes.

begin;
update storage.buckets set public = false where id = 'BUCKET';

drop policy if exists "custode: objects of BUCKET are the service's" on storage.objects;
create policy "custode: objects of BUCKET are the service's" on storage.objects
    as restrictive for all to public using (bucket_id <> 'BUCKET') with check (bucket_id <> 'BUCKET');

-- Nobody may make it public, or see its settings.
drop policy if exists "custode: the bucket BUCKET is the service's" on storage.buckets;
create policy "custode: the bucket BUCKET is the service's" on storage.buckets
    as restrictive for all to public using (id <> 'BUCKET') with check (id <> 'BUCKET');

-- Uploads in parts, where this version of the storage has them; without security of rows a policy would be idle.
do $$
declare
    parts text;
begin
    foreach parts in array array['s3_multipart_uploads', 's3_multipart_uploads_parts'] loop
        continue when to_regclass('storage.' || parts) is null;
        execute format('drop policy if exists %I on storage.%I', 'custode: uploads to BUCKET are the service''s', parts);
        execute format(
            'create policy %I on storage.%I as restrictive for all to public using (bucket_id <> %L) with check (bucket_id <> %L)',
            'custode: uploads to BUCKET are the service''s', parts, 'BUCKET', 'BUCKET');
    end loop;
end
$$;

-- Supabase has it so from the start; where somebody turned it off, policies are idle.
do $$
begin
    if exists (
        select from pg_class where oid in ('storage.objects'::regclass, 'storage.buckets'::regclass) and not relrowsecurity)
    then
        raise exception 'row-level security is off on storage.objects or storage.buckets; turn it on: '
            'alter table storage.objects enable row level security';
    end if;
end
$$;
commit;
