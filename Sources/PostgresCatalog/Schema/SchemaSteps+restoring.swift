extension SchemaSteps {
    /// The functions by which collection brings objects back to their places.
    static let restoring = """
        -- Claims quarantined objects for their way back, under the lock that uploads choose their keys under: no upload
        -- under way may write to such a key, and none that begins later chooses it. What is not known to lie in
        -- quarantine, after a backup of the database was restored, becomes known, without a moment of its own.
        create or replace function custode.begin_restore(
            p_run text, p_claim interval, p_keys text[], p_jobs text[], p_trash text[])
            returns table (place bigint, verdict text)
        language plpgsql as $$
        #variable_conflict use_column
        begin
            -- In one order, so that two restorations never wait for one another.
            perform set_config('lock_timeout', '3s', true), pg_advisory_xact_lock(j.lock)
                from (select distinct hashtextextended('custode:' || job, 1) as lock from unnest(p_jobs) job
                    order by 1) j;
            return query
            with wanted as (
                select w.* from unnest(p_keys, p_jobs, p_trash) with ordinality as w (key, job, trash, place)
            ), judged as (
                select w.*,
                    case when i.key is not null then 'intent'
                        when g.claimed_until > clock_timestamp() or o.key is not null then 'busy'
                        else 'dead' end as verdict,
                    g.id is not null as is_known
                from wanted w
                left join custode.gc_items g on g.trash_key = w.trash
                left join custode.upload_intents i
                    on i.key = w.key and i.state = 'open' and i.lease_until > clock_timestamp()
                -- Another writing of it is on its way, in or out.
                left join lateral (
                    select g.key from custode.gc_items g where g.key = w.key and g.trash_key <> w.trash
                        and g.state in ('quarantining', 'restoring') and g.claimed_until > clock_timestamp() limit 1
                ) o on true
            ), claimed as (
                update custode.gc_items c set state = 'restoring', claimed_by = p_run,
                    claimed_until = clock_timestamp() + p_claim
                from judged d where c.trash_key = d.trash and d.verdict = 'dead'
                    and (c.state = 'quarantined' or c.claimed_until < clock_timestamp())
                returning c.trash_key
            ), noted as (
                insert into custode.gc_items as c
                    (key, job_id, state, etag, size, run_id, trash_key, claimed_by, claimed_until)
                select d.key, d.job, 'restoring', '', 0, p_run, d.trash, p_run, clock_timestamp() + p_claim
                from judged d where d.verdict = 'dead' and not d.is_known
                on conflict (trash_key) where trash_key is not null do nothing
                returning c.trash_key
            ), decided as (
                select d.place, d.key, d.job, d.trash,
                    case when d.verdict = 'dead' and c.trash_key is null and n.trash_key is null then 'busy'
                        else d.verdict end as verdict
                from judged d left join claimed c on c.trash_key = d.trash left join noted n on n.trash_key = d.trash
            ), audited as (
                insert into custode.gc_audit (run_id, action, key, job_id, trash_key)
                select p_run, 'restore', d.key, d.job, d.trash from decided d where d.verdict = 'dead'
            ), unpromised as (
                -- An upload that overslept its lease is told so when it would publish.
                update custode.upload_intents i set state = 'queued' from decided d
                where i.key = d.key and d.verdict = 'dead' and i.state = 'open'
            )
            select d.place, d.verdict from decided d;
        end $$;

        -- Ends a restoration: what is back is remembered as it was, and starts anew.
        create or replace function custode.end_restore(p_keys text[], p_trash text[], p_back boolean[]) returns void
        language plpgsql as $$
        begin
            insert into custode.objects
            select (jsonb_populate_record(null::custode.objects, g.record)).*
            from unnest(p_trash, p_back) w (trash, back) join custode.gc_items g on g.trash_key = w.trash
            where w.back and g.record is not null
            on conflict do nothing;
            delete from custode.gc_items g using unnest(p_keys, p_trash, p_back) w (key, trash, back)
            where w.back and (g.trash_key = w.trash or g.key = w.key and g.state = 'seen');
            -- What only its restoration made known may have lain nowhere: it is forgotten again.
            delete from custode.gc_items g using unnest(p_trash, p_back) w (trash, back)
            where not w.back and g.trash_key = w.trash and g.state = 'restoring' and g.quarantined_at is null;
            update custode.gc_items g set state = 'quarantined', claimed_until = null
            from unnest(p_trash, p_back) w (trash, back)
            where not w.back and g.trash_key = w.trash and g.state = 'restoring';
        end $$;
        """
}
