extension SchemaSteps {
    /// The functions by which collection takes objects out of their places.
    ///
    /// They stop with an error where row-level security would hide rows: what cannot be seen is not gone.
    static func condemning(_ tables: SaaSTables) -> String {
        """
        -- Renews the leader's lease; whoever let it lapse, or was followed by another, gets no further.
        create or replace function custode.fence(p_epoch bigint, p_lease interval) returns void
        language plpgsql as $$
        begin
            if p_epoch is null then return; end if;
            update custode.gc_leader set lease_until = clock_timestamp() + p_lease
                where epoch = p_epoch and lease_until > clock_timestamp();
            if not found then
                raise exception 'this collection run is no longer the leader' using errcode = 'CU001';
            end if;
        end $$;

        -- Which of these keys anything refers to; what was copied elsewhere counts until its source is to go.
        create or replace function custode.referenced(p_keys text[]) returns table (key text)
        language sql stable rows 100 as $$
            select j.input_ref from unnest(p_keys) k (key) join \(tables.jobs) j on j.input_ref = k.key
            union
            select a.storage_ref from unnest(p_keys) k (key) join \(tables.artifacts) a on a.storage_ref = k.key
            union
            select x.source_key from unnest(p_keys) k (key) join custode.ref_rewrites x on x.source_key = k.key
            where x.state = 'open'
        $$;

        -- The last look at objects that shall go, under the locks that their jobs' uploads take as well: the dead are
        -- claimed, with the audit row, before anybody touches their bytes.
        create or replace function custode.condemn(
            p_run text, p_epoch bigint, p_lease interval, p_claim interval, p_reasons text[], p_keys text[],
            p_jobs text[], p_job_ids text[], p_etags text[], p_sizes bigint[], p_trash text[])
            returns table (place bigint, verdict text, job_exists boolean)
        language plpgsql set row_security = off as $$
        #variable_conflict use_column
        declare v_locked text[];
        begin
            perform custode.fence(p_epoch, p_lease);
            select coalesce(array_agg(j.job), '{}') into v_locked from (select distinct unnest(p_jobs) as job) j
                where pg_try_advisory_xact_lock(hashtextextended('custode:' || j.job, 0))
                    and pg_try_advisory_xact_lock(hashtextextended('custode:' || j.job, 1));
            return query
            with wanted as (
                select w.* from unnest(p_reasons, p_keys, p_jobs, p_job_ids, p_etags, p_sizes, p_trash)
                    with ordinality as w (reason, key, job, job_id, etag, size, trash, place)
            ), judged as (
                select w.*,
                    case when l.job is null then 'busy' when r.key is not null then 'alive'
                        when i.key is not null then 'intent' when g.key is not null then 'busy'
                        else 'dead' end as verdict,
                    j.id is not null as job_exists
                from wanted w
                left join (select unnest(v_locked) as job) l on l.job = w.job
                left join custode.referenced(p_keys) r on r.key = w.key
                left join custode.upload_intents i
                    on i.key = w.key and i.state = 'open' and i.lease_until > clock_timestamp()
                left join custode.gc_items g on g.key = w.key and g.state = 'quarantining'
                    and g.claimed_until > clock_timestamp()
                left join \(tables.jobs) j on j.id = nullif(w.job_id, '')::\(tables.jobID.rawValue)
            ), claimed as (
                insert into custode.gc_items as c
                    (key, job_id, state, etag, size, run_id, reason, trash_key, claimed_by, claimed_until)
                select d.key, d.job, 'quarantining', d.etag, d.size, p_run, d.reason, d.trash, p_run,
                    clock_timestamp() + p_claim
                from judged d where d.verdict = 'dead'
                on conflict (key) where state = 'quarantining' do update
                set etag = excluded.etag, size = excluded.size, run_id = excluded.run_id, reason = excluded.reason,
                    trash_key = excluded.trash_key, claimed_by = excluded.claimed_by,
                    claimed_until = excluded.claimed_until
            ), audited as (
                insert into custode.gc_audit (run_id, epoch, action, key, job_id, reason, etag, size, trash_key)
                select p_run, p_epoch, 'quarantine', d.key, d.job, d.reason, d.etag, d.size, d.trash
                from judged d where d.verdict = 'dead'
            ), unpromised as (
                update custode.upload_intents i set state = 'queued' from judged d
                where i.key = d.key and d.verdict = 'dead' and i.state = 'open'
            )
            select d.place, d.verdict, d.job_exists from judged d;
        end $$;

        -- A sign of life for claimed objects: all the claims last so long from now, or, if one of them was lost, none. The
        -- events that told of them stay claimed as well, so that no other worker comes upon what it cannot have.
        create or replace function custode.renew_claims(
            p_run text, p_epoch bigint, p_lease interval, p_claim interval, p_trash text[]) returns void
        language plpgsql as $$
        declare v_held bigint;
        begin
            perform custode.fence(p_epoch, p_lease);
            update custode.gc_items g set claimed_until = clock_timestamp() + p_claim
                where g.trash_key = any (p_trash) and g.state in ('quarantining', 'restoring')
                    and g.claimed_by = p_run and g.claimed_until > clock_timestamp();
            get diagnostics v_held = row_count;
            if v_held < cardinality(p_trash) then
                raise exception 'this run has lost its claims' using errcode = 'CU001';
            end if;
            update custode.outbox b set claimed_until = greatest(b.claimed_until, clock_timestamp() + p_claim)
                where b.claimed_by = p_run and b.claimed_until > clock_timestamp();
        end $$;

        -- What became of claimed objects: quarantined, absent, released (still in their places), or unknown. A claim that
        -- somebody else has settled or taken over meanwhile is no longer there, and nothing is said of its key.
        create or replace function custode.settle(p_at timestamptz, p_trash text[], p_outcomes text[]) returns void
        language plpgsql as $$
        declare v_gone text[]; v_released text[];
        begin
            select coalesce(array_agg(c.key) filter (where c.outcome <> 'released'), '{}'),
                coalesce(array_agg(c.key) filter (where c.outcome = 'released'), '{}') into v_gone, v_released
            from (
                select g.key, w.outcome from unnest(p_trash, p_outcomes) w (trash, outcome)
                join custode.gc_items g on g.trash_key = w.trash and g.state = 'quarantining' for update of g
            ) c;
            with gone as (
                delete from custode.objects o using unnest(v_gone) w (key) where o.key = w.key returning o.*
            )
            update custode.gc_items g set state = 'quarantined', quarantined_at = p_at, claimed_until = null,
                record = to_jsonb(n)
            from unnest(p_trash, p_outcomes) w (trash, outcome), unnest(v_gone) k (key) left join gone n on n.key = k.key
            where g.trash_key = w.trash and g.key = k.key and g.state = 'quarantining' and w.outcome = 'quarantined';
            -- Apart, so that each finds its rows by the index of its state.
            delete from custode.gc_items g using unnest(v_gone || v_released) w (key)
            where g.key = w.key and g.state = 'quarantining';
            delete from custode.gc_items g using unnest(v_gone) w (key) where g.key = w.key and g.state = 'seen';
            delete from custode.outbox b using unnest(v_gone) w (key) where b.key = w.key;
            delete from custode.upload_intents i using unnest(v_gone) w (key)
            where i.key = w.key and i.state = 'queued';
        end $$;

        -- The last look at quarantined objects whose time is over.
        create or replace function custode.condemn_trash(
            p_run text, p_epoch bigint, p_lease interval, p_claim interval, p_keys text[], p_jobs text[],
            p_trash text[])
            returns table (place bigint, verdict text)
        language plpgsql set row_security = off as $$
        #variable_conflict use_column
        begin
            perform custode.fence(p_epoch, p_lease);
            return query
            with judged as (
                select w.*, case when r.key is not null then 'alive' when g.id is not null then 'busy'
                    else 'dead' end as verdict
                from unnest(p_keys, p_jobs, p_trash) with ordinality as w (key, job, trash, place)
                left join custode.referenced(p_keys) r on r.key = w.key
                left join custode.gc_items g on g.trash_key = w.trash and g.state = 'restoring'
                    and g.claimed_until > clock_timestamp()
            ), claimed as (
                update custode.gc_items c set state = 'purging', claimed_by = p_run,
                    claimed_until = clock_timestamp() + p_claim
                from judged d where c.trash_key = d.trash and d.verdict = 'dead'
                    and (c.state <> 'restoring' or c.claimed_until < clock_timestamp())
            ), audited as (
                insert into custode.gc_audit (run_id, epoch, action, key, job_id, trash_key)
                select p_run, p_epoch, 'purge', d.key, d.job, d.trash from judged d where d.verdict = 'dead'
            )
            select d.place, d.verdict from judged d;
        end $$;
        """
    }
}
