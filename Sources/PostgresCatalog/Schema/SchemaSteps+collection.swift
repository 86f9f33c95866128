extension SchemaSteps {
    /// The tables of collection.
    static let collection = """
        alter table custode.upload_intents drop constraint upload_intents_state_check;
        -- queued: it lapsed, and the outbox tells of it. The row stays for a while, so that its key is remembered.
        alter table custode.upload_intents add check (state in ('open', 'abandoned', 'queued'));

        create table custode.outbox (
            id bigint generated always as identity primary key,
            key text collate "C" not null,
            job_id text not null,
            reason text not null,
            review_after timestamptz not null default clock_timestamp(),
            attempts integer not null default 0,
            claimed_by text,
            claimed_until timestamptz,
            parked_at timestamptz,
            last_error text
        );
        create index outbox_fresh on custode.outbox (review_after) where attempts = 0;
        create index outbox_retried on custode.outbox (review_after) where attempts > 0 and parked_at is null;

        create table custode.gc_leader (
            only_row boolean primary key default true check (only_row),
            epoch bigint not null,
            run_id text,
            lease_until timestamptz not null
        );
        insert into custode.gc_leader (epoch, lease_until) values (0, '-infinity');

        create table custode.gc_runs (
            id text primary key,
            kind text not null check (kind in ('sweep', 'outbox', 'worker', 'restore')),
            epoch bigint,
            marker text,
            dry_run boolean not null default false,
            started_at timestamptz not null default clock_timestamp(),
            as_of timestamptz not null,
            finished_at timestamptz,
            verdict text check (verdict in ('done', 'dry', 'blocked', 'failed')),
            brake text,
            detail text,
            plan_hash text,
            live_references bigint,
            counts jsonb
        );
        create index gc_runs_complete on custode.gc_runs (started_at) where kind = 'sweep' and not dry_run;

        -- An object that a run saw as an orphan, or that is on its way into quarantine, in it, or on its way out.
        create table custode.gc_items (
            id bigint generated always as identity primary key,
            key text collate "C" not null,
            job_id text not null,
            state text not null check (state in ('seen', 'quarantining', 'quarantined', 'restoring', 'purging')),
            etag text not null,
            size bigint not null,
            run_id text not null,
            reason text,
            first_seen timestamptz,
            trash_key text collate "C",
            claimed_until timestamptz,
            quarantined_at timestamptz,
            record jsonb
        );
        create index gc_items_key on custode.gc_items (key);
        create unique index gc_items_seen on custode.gc_items (key) where state = 'seen';
        create unique index gc_items_claimed on custode.gc_items (key) where state = 'quarantining';
        create unique index gc_items_trash on custode.gc_items (trash_key) where trash_key is not null;
        create index gc_items_run on custode.gc_items (run_id) where state <> 'seen';

        create table custode.gc_audit (
            id bigint generated always as identity primary key,
            at timestamptz not null default clock_timestamp(),
            run_id text not null,
            epoch bigint,
            action text not null check (action in ('quarantine', 'purge', 'restore')),
            key text collate "C" not null,
            job_id text,
            reason text,
            etag text,
            size bigint,
            trash_key text collate "C"
        );
        create index gc_audit_key on custode.gc_audit (key);
        create function custode.refuse_change() returns trigger language plpgsql as $$
        begin
            raise exception 'custode.% is append-only', tg_table_name using errcode = 'insufficient_privilege';
        end $$;
        create trigger append_only before update or delete on custode.gc_audit
            for each row execute function custode.refuse_change();
        create trigger append_only_whole before truncate on custode.gc_audit
            for each statement execute function custode.refuse_change();
        """

    /// Who has claimed what: the name of the run that may renew the claim.
    static let claims = "alter table custode.gc_items add column claimed_by text"

    /// The functions of the triggers; they run as whoever installed them, and see nothing but what they are given.
    static let triggerFunctions = """
        create or replace function custode.jobs_deleted() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        begin
            insert into custode.outbox (key, job_id, reason)
                select g.input_ref, g.id::text, 'job deleted' from gone g where g.input_ref is not null;
            return null;
        end $$;
        create or replace function custode.artifacts_deleted() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        begin
            insert into custode.outbox (key, job_id, reason)
                select g.storage_ref, coalesce(g.job_id::text, ''), 'artifact deleted'
                from gone g where g.storage_ref is not null;
            return null;
        end $$;
        create or replace function custode.input_changed() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        begin
            insert into custode.outbox (key, job_id, reason) values (old.input_ref, old.id::text, 'input changed');
            return null;
        end $$;
        create or replace function custode.artifact_changed() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        begin
            insert into custode.outbox (key, job_id, reason)
                values (old.storage_ref, coalesce(old.job_id::text, ''), 'artifact changed');
            return null;
        end $$;
        create or replace function custode.truncate_refused() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        begin
            raise exception 'TRUNCATE of % would leave its objects in the bucket unnoticed', tg_table_name
                using hint = 'Use DELETE; or disable the trigger custode_truncate and let custode gc find them.';
        end $$;
        """

    /// The triggers on the SaaS's tables, by name.
    static func triggers(_ tables: SaaSTables) -> [(table: String, name: String, definition: String)] {
        let onDelete = "after delete on %T referencing old table as gone for each statement execute function custode."
        let onChange =
            "for each row when (old.%C is distinct from new.%C and old.%C is not null) execute function custode."
        let onTruncate = "before truncate on %T for each statement execute function custode.truncate_refused()"
        return [
            (tables.jobs, "custode_deleted", onDelete + "jobs_deleted()"),
            (tables.jobs, "custode_changed", "after update of input_ref on %T " + onChange + "input_changed()"),
            (tables.jobs, "custode_truncate", onTruncate),
            (tables.artifacts, "custode_deleted", onDelete + "artifacts_deleted()"),
            (
                tables.artifacts, "custode_changed",
                "after update of storage_ref on %T " + onChange + "artifact_changed()"
            ),
            (tables.artifacts, "custode_truncate", onTruncate),
        ].map { table, name, definition in
            let column = table == tables.jobs ? "input_ref" : "storage_ref"
            return (table, name, definition.replacing("%T", with: table).replacing("%C", with: column))
        }
    }
}
