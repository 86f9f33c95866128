extension SchemaSteps {
    /// The tables of migration.
    static let migration = """
        alter table custode.gc_runs drop constraint gc_runs_kind_check;
        alter table custode.gc_runs add check (kind in ('sweep', 'outbox', 'worker', 'restore', 'removal'));

        create table custode.migrations (
            id text primary key,
            source text not null,
            started_at timestamptz not null default clock_timestamp(),
            finished_at timestamptz,
            counts jsonb
        );
        create index migrations_source on custode.migrations (source, started_at);

        -- References that were switched from a file of before to an object of ours. Until its source is removed, or the
        -- reference put back, a switch is open, and collection takes its source for alive.
        create table custode.ref_rewrites (
            id bigint generated always as identity primary key,
            run_id text not null,
            job_id text not null,
            object text not null,
            artifact_id text,
            -- Whether the artifact's row was made with the copy, and goes when the reference is put back.
            made_row boolean not null default false,
            source text not null,
            -- The source's key, where it is of this bucket.
            source_key text collate "C",
            source_etag text not null,
            source_size bigint not null,
            source_modified timestamptz not null,
            sha256 text not null,
            -- How references might mean the source, which none may before it goes.
            spellings text[] not null default '{}',
            old_ref text,
            new_key text collate "C" not null,
            state text not null default 'open' check (state in ('open', 'removing', 'removed', 'undone')),
            trash text,
            created_at timestamptz not null default clock_timestamp(),
            closed_at timestamptz
        );
        create index ref_rewrites_run on custode.ref_rewrites (run_id, id);
        -- Paths may be longer than a tree's entries.
        create index ref_rewrites_source on custode.ref_rewrites using hash (source);
        create index ref_rewrites_key on custode.ref_rewrites using hash (source_key) where state = 'open';
        """

    /// The function by which references are put back; they switch by being published.
    static func rewriting(_ tables: SaaSTables) -> String {
        """
        -- Puts a reference back, if the row still refers to what it was switched to.
        create or replace function custode.undo_rewrite(p_id bigint) returns text
        language plpgsql as $$
        declare
            v_rewrite custode.ref_rewrites;
            v_job \(tables.jobID.rawValue);
            v_outcome text := 'undone';
        begin
            select * into v_rewrite from custode.ref_rewrites x where x.id = p_id;
            if not found or v_rewrite.state = 'undone' then return 'undone'; end if;
            v_job := v_rewrite.job_id;
            perform custode.lock_job(v_rewrite.job_id);
            if v_rewrite.object = 'input' then
                update \(tables.jobs) j set input_ref = v_rewrite.old_ref
                    where j.id = v_job and j.input_ref = v_rewrite.new_key;
            elsif v_rewrite.made_row then
                delete from \(tables.artifacts) a where a.job_id = v_job and a.id::text = v_rewrite.artifact_id
                    and a.storage_ref = v_rewrite.new_key;
            else
                update \(tables.artifacts) a set storage_ref = v_rewrite.old_ref where a.job_id = v_job
                    and a.id::text = v_rewrite.artifact_id and a.storage_ref = v_rewrite.new_key;
            end if;
            if not found then
                if exists (select from \(tables.jobs) j where j.id = v_job) then return 'changed'; end if;
                v_outcome := 'gone';
            end if;
            update custode.ref_rewrites x set state = 'undone', closed_at = clock_timestamp() where x.id = p_id;
            return v_outcome;
        end $$;
        """
    }
}
