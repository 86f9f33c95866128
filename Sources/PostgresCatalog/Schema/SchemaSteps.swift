/// The tables and functions of the schema `custode`.
enum SchemaSteps {
    /// What takes the schema from each version to the next.
    ///
    /// A published step is never changed.
    static let all = [first, collection, claims, uploads, migration, usage]

    private static let first = """
        create schema custode;
        comment on schema custode is 'Objects, uploads and links of the Custode storage service';
        create table custode.schema_version (
            only_row boolean primary key default true check (only_row),
            version bigint not null,
            installed_at timestamptz not null default now()
        );
        insert into custode.schema_version (version) values (0);

        create table custode.storage_identity (
            only_row boolean primary key default true check (only_row),
            id uuid not null default gen_random_uuid(),
            created_at timestamptz not null default now()
        );
        insert into custode.storage_identity default values;

        create table custode.objects (
            key text collate "C" primary key,
            job_id text not null,
            object text not null,
            content_type text not null,
            size bigint not null check (size >= 0),
            sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
            etag text not null,
            filename text,
            created_at timestamptz not null default clock_timestamp()
        );
        create index objects_job on custode.objects (job_id, object);

        create table custode.upload_intents (
            id bigint generated always as identity primary key,
            key text collate "C" not null unique,
            job_id text not null,
            state text not null default 'open' check (state in ('open', 'abandoned')),
            lease_until timestamptz not null,
            created_at timestamptz not null default clock_timestamp()
        );
        create index upload_intents_lease on custode.upload_intents (lease_until);

        create table custode.link_epochs (
            job_id text primary key,
            epoch bigint not null
        );

        create table custode.link_uses (
            nonce text primary key,
            expires_at timestamptz not null
        );
        create index link_uses_expiry on custode.link_uses (expires_at);
        """

    /// The functions that touch the SaaS's rows, written for the types of its columns.
    static func functions(_ tables: SaaSTables) -> String {
        """
        -- Nobody waits for long: a row that the SaaS holds on to must not hold up the service with it.
        -- In plpgsql, whose plans a session keeps: a function in SQL is parsed at every call.
        create or replace function custode.lock_job(p_job text) returns void
        language plpgsql as $$
        begin
            perform pg_catalog.set_config('lock_timeout', '3s', true),
                pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('custode:' || p_job, 0));
        end $$;

        -- What a job refers to as an artifact: of several rows the newest counts.
        create or replace function custode.artifact(p_job \(tables.jobID.rawValue), p_object text)
            returns table (artifact_id text, storage_ref text)
        language sql stable rows 1 as $$
            select a.id::text, a.storage_ref
            from \(tables.artifacts) a left join custode.objects o on o.key = a.storage_ref
            where a.job_id = p_job and a.kind::text = p_object
            order by o.created_at desc nulls last, a.id desc limit 1
        $$;

        create or replace function custode.begin_upload(p_job text, p_plain text, p_suffixed text, p_lease interval,
            out intent bigint, out key text)
        language plpgsql as $$
        begin
            -- Collection takes it too, so that neither takes for free what the other is about to use. It is another
            -- lock than the job's, which a publication may have to hold for as long as the SaaS holds the job's row.
            perform set_config('lock_timeout', '3s', true),
                pg_advisory_xact_lock(hashtextextended('custode:' || p_job, 1));
            key := p_plain;
            if exists (select from custode.objects o where o.key = p_plain)
                or exists (select from custode.gc_items g where g.key = p_plain and g.state <> 'seen')
            then
                key := p_suffixed;
            end if;
            insert into custode.upload_intents as i (key, job_id, lease_until)
                values (begin_upload.key, p_job, clock_timestamp() + p_lease)
                on conflict do nothing returning i.id into intent;
            if intent is null then
                key := p_suffixed;
                insert into custode.upload_intents as i (key, job_id, lease_until)
                    values (begin_upload.key, p_job, clock_timestamp() + p_lease) returning i.id into intent;
            end if;
        end $$;

        -- Without what tells of a migration, as it was first.
        drop function if exists custode.publish(
            bigint, text, text, text, text, text, bigint, text, text, text, text, text, bigint);
        -- With a run, it takes the place of a reference from before, which must still be there, and both are remembered.
        create or replace function custode.publish(
            p_intent bigint, p_job text, p_owner text, p_object text, p_key text, p_type text, p_size bigint,
            p_sha256 text, p_etag text, p_filename text, p_expected text, p_nonce text, p_nonce_expires bigint,
            p_run text default null, p_old_ref text default null, p_source text default null,
            p_source_key text default null, p_source_etag text default null, p_source_size bigint default null,
            p_source_modified bigint default null, p_spellings text[] default null,
            out outcome text, out created_at timestamptz)
        language plpgsql as $$
        declare
            v_job \(tables.jobID.rawValue) := p_job;
            v_ref text;
            v_artifact text;
            v_etag text;
            v_made boolean;
        begin
            perform custode.lock_job(p_job);
            select j.input_ref into v_ref from \(tables.jobs) j
                where j.id = v_job and j.user_id::text = p_owner for no key update;
            if not found then outcome := 'gone'; return; end if;
            delete from custode.upload_intents i where i.id = p_intent and i.key = p_key and i.state = 'open';
            if not found then outcome := 'lost'; return; end if;
            if p_object <> 'input' then
                select a.artifact_id, a.storage_ref into v_artifact, v_ref from custode.artifact(v_job, p_object) a;
            end if;
            if p_run is not null and v_artifact is not null then
                v_ref := null;
                select a.storage_ref into v_ref from \(tables.artifacts) a
                    where a.id::text = v_artifact and a.job_id = v_job for no key update;
            elsif p_expected not in ('absent', 'present') then
                select o.etag into v_etag from custode.objects o where o.key = v_ref;
            end if;
            outcome := case
                when p_run is not null then
                    case when v_ref is not distinct from p_old_ref then 'published' else 'changed' end
                when p_expected = 'absent' then case when v_ref is null then 'published' else 'exists' end
                when p_expected = 'present' then case when v_ref is null then 'changed' else 'published' end
                when v_etag = p_expected then 'published' else 'changed' end;
            if outcome = 'published' and p_nonce is not null then
                insert into custode.link_uses (nonce, expires_at) values (p_nonce, to_timestamp(p_nonce_expires))
                    on conflict do nothing;
                if not found then outcome := 'used'; end if;
            end if;
            if outcome <> 'published' then
                -- Its bytes are there and nobody will refer to them: collection's from now on.
                insert into custode.upload_intents (key, job_id, state, lease_until)
                    values (p_key, p_job, 'abandoned', clock_timestamp());
                return;
            end if;
            -- Two versions never share a second, so that a date tells them apart as a tag does.
            created_at := greatest(clock_timestamp(), (
                select date_trunc('second', max(o.created_at)) + interval '1 second'
                from custode.objects o where o.job_id = p_job and o.object = p_object));
            insert into custode.objects as o
                (key, job_id, object, content_type, size, sha256, etag, filename, created_at)
                values (p_key, p_job, p_object, p_type, p_size, p_sha256, p_etag, p_filename, publish.created_at);
            if p_object = 'input' then
                update \(tables.jobs) set input_ref = p_key where id = v_job;
            elsif v_artifact is null then
                insert into \(tables.artifacts) (\(tables.newArtifactID == nil ? "" : "id, ")job_id, kind, storage_ref)
                    values (\(tables.newArtifactID.map { "\($0), " } ?? "")v_job, p_object::\(tables.kindType), p_key);
            else
                update \(tables.artifacts) a set storage_ref = p_key where a.id::text = v_artifact and a.job_id = v_job;
            end if;
            if p_run is not null then
                v_made := p_object <> 'input' and v_artifact is null;
                if v_made then
                    select a.artifact_id into v_artifact from custode.artifact(v_job, p_object) a;
                end if;
                insert into custode.ref_rewrites (run_id, job_id, object, artifact_id, made_row, source, source_key,
                    source_etag, source_size, source_modified, sha256, spellings, old_ref, new_key)
                values (p_run, p_job, p_object, v_artifact, v_made, p_source, p_source_key, p_source_etag,
                    p_source_size, to_timestamp(p_source_modified / 1e6), p_sha256, p_spellings, p_old_ref, p_key);
            end if;
        end $$;

        create or replace function custode.forget(p_job text, p_owner text, p_object text, p_expected text)
            returns text
        language plpgsql as $$
        declare
            v_job \(tables.jobID.rawValue) := p_job;
            v_ref text;
        begin
            perform custode.lock_job(p_job);
            select j.input_ref into v_ref from \(tables.jobs) j
                where j.id = v_job and j.user_id::text = p_owner for no key update;
            if not found then return 'gone'; end if;
            if p_object <> 'input' then
                select a.storage_ref into v_ref from custode.artifact(v_job, p_object) a;
            end if;
            if v_ref is null then return 'gone'; end if;
            if p_expected <> 'present'
                and not exists (select from custode.objects o where o.key = v_ref and o.etag = p_expected)
            then return 'changed'; end if;
            if p_object = 'input' then
                update \(tables.jobs) set input_ref = null where id = v_job;
            else
                delete from \(tables.artifacts) a where a.job_id = v_job and a.kind::text = p_object;
            end if;
            return 'forgotten';
        end $$;
        """
    }
}
