extension SchemaSteps {
    /// The tables of resumable uploads.
    static let uploads = """
        create table custode.uploads (
            id text collate "C" primary key,
            user_id text not null,
            dialect text not null check (dialect in ('tus', 'draft')),
            -- What it is to become; null for a partial upload.
            job_id text,
            job_type text,
            object text,
            claim text,
            filename text,
            expected text,
            -- The partial uploads that it is made of, in their order.
            parts text[] not null default '{}',
            metadata text,
            concat text,
            byte_limit bigint not null check (byte_limit >= 0),
            digest text,
            length bigint check (length >= 0),
            received bigint not null default 0 check (received >= 0),
            state text not null default 'receiving' check (state in ('receiving', 'completing', 'done', 'ended')),
            ending text,
            ending_detail text,
            -- Which request was let in last; what an earlier one says counts no more.
            epoch bigint not null,
            -- Until when that request is believed alive; null once it has let go.
            lease_until timestamptz,
            contested boolean not null default false,
            expires_at timestamptz not null,
            created_at timestamptz not null default clock_timestamp(),
            ended_at timestamptz,
            published_at timestamptz,
            -- Bytes that wait to be judged, and the judgement's own state.
            held bytea not null default '',
            judgement bytea,
            content_type text,
            sha256 text,
            intent_id bigint,
            key text collate "C",
            staged_size bigint not null default 0 check (staged_size >= 0),
            staged_hash bytea not null default '',
            staged_token text,
            next_number integer not null default 1,
            link_nonce text,
            link_epoch bigint,
            link_expires bigint,
            link_once boolean,
            check (received = staged_size + octet_length(held))
        );
        create index uploads_user on custode.uploads (user_id, created_at);
        create index uploads_expiry on custode.uploads (expires_at) where state in ('receiving', 'done');
        create index uploads_completing on custode.uploads (id) where state = 'completing';
        create index uploads_joining on custode.uploads (id) where state = 'receiving' and parts <> '{}';
        create index uploads_whole on custode.uploads (id)
            where state = 'receiving' and dialect = 'tus' and received = length;
        create index uploads_ended on custode.uploads (ended_at) where ended_at is not null;

        -- The ranges that a store keeps apart: final parts have its tag.
        create table custode.upload_parts (
            upload_id text collate "C" not null references custode.uploads on delete cascade,
            first bigint not null check (first >= 0),
            size bigint not null check (size > 0),
            number bigint not null,
            tag text
        );
        create unique index upload_parts_range on custode.upload_parts (upload_id, first, number, (tag is null));
        """

    /// The functions of resumable uploads.
    static let uploadFunctions = """
        create or replace function custode.begin_resumable(
            p_id text, p_user text, p_dialect text, p_job text, p_type text, p_object text, p_claim text,
            p_filename text, p_expected text, p_parts text[], p_metadata text, p_concat text, p_limit bigint,
            p_digest text, p_length bigint, p_epoch bigint, p_lease interval, p_rest interval,
            p_nonce text, p_link_epoch bigint, p_link_expires bigint, p_once boolean,
            p_most_open bigint, p_most_bytes bigint, p_appends boolean)
            returns text
        language plpgsql as $$
        declare
            v_open bigint;
            v_bytes numeric;
        begin
            -- One after the other, so that two at once cannot both be the last that may be.
            perform set_config('lock_timeout', '3s', true),
                pg_advisory_xact_lock(hashtextextended('custode-user:' || p_user, 0));
            select count(*) into v_open from custode.uploads u
                where u.user_id = p_user and u.state in ('receiving', 'completing')
                    and u.expires_at > clock_timestamp();
            v_bytes := custode.received_today(p_user);
            if v_open >= p_most_open then return 'open'; end if;
            if p_parts = '{}' and v_bytes + coalesce(p_length, 0) > p_most_bytes then return 'bytes'; end if;
            insert into custode.uploads (id, user_id, dialect, job_id, job_type, object, claim, filename, expected,
                parts, metadata, concat, byte_limit, digest, length, epoch, lease_until, expires_at,
                link_nonce, link_epoch, link_expires, link_once, next_number)
                values (p_id, p_user, p_dialect, p_job, p_type, p_object, p_claim, p_filename, p_expected,
                p_parts, p_metadata, p_concat, p_limit, p_digest, p_length, p_epoch, clock_timestamp() + p_lease,
                clock_timestamp() + p_rest, p_nonce, p_link_epoch, p_link_expires, p_once,
                1 + case when p_appends then least(10000, coalesce(p_length, p_limit) / 8388608 + 2) else 0 end);
            return 'created';
        end $$;

        create or replace function custode.finish_resumable(
            p_id text, p_epoch bigint, p_intent bigint, p_job text, p_owner text, p_object text, p_key text,
            p_type text, p_size bigint, p_sha256 text, p_etag text, p_filename text, p_expected text,
            p_nonce text, p_nonce_expires bigint, p_link_epoch bigint,
            out outcome text, out created_at timestamptz)
        language plpgsql as $$
        begin
            perform custode.lock_job(p_job);
            perform from custode.uploads u where u.id = p_id and u.epoch = p_epoch and u.state = 'completing' for update;
            if not found then raise exception 'the upload was taken over' using errcode = 'CU001'; end if;
            if p_link_epoch is not null and p_link_epoch <> coalesce(
                (select e.epoch from custode.link_epochs e where e.job_id = p_job), 0)
            then
                outcome := 'gone';
            else
                select p.outcome, p.created_at into finish_resumable.outcome, finish_resumable.created_at
                    from custode.publish(p_intent, p_job, p_owner, p_object, p_key, p_type, p_size, p_sha256, p_etag,
                        p_filename, p_expected, p_nonce, p_nonce_expires) p;
            end if;
            if outcome = 'gone' then
                update custode.upload_intents i set state = 'abandoned', lease_until = clock_timestamp()
                    where i.id = p_intent and i.state = 'open';
            end if;
            update custode.uploads u set
                state = case when outcome = 'published' then 'done' else 'ended' end,
                ending = case when outcome <> 'published' then outcome end,
                published_at = finish_resumable.created_at, ended_at = clock_timestamp(), lease_until = null
                where u.id = p_id;
        end $$;
        """
}
