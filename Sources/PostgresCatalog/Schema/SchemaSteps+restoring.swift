extension SchemaSteps {
    /// The functions by which collection brings objects back to their places.
    static let restoring = """
        -- Claims quarantined objects for their way back.
        create or replace function custode.begin_restore(
            p_run text, p_claim interval, p_keys text[], p_jobs text[], p_trash text[])
            returns table (place bigint, verdict text)
        language plpgsql as $$
        #variable_conflict use_column
        begin
            return query
            with wanted as (
                select w.* from unnest(p_keys, p_jobs, p_trash) with ordinality as w (key, job, trash, place)
            ), claimed as (
                update custode.gc_items c set state = 'restoring', claimed_by = p_run,
                    claimed_until = clock_timestamp() + p_claim
                from wanted w where c.trash_key = w.trash
                    and (c.state = 'quarantined' or c.claimed_until < clock_timestamp())
                returning c.trash_key
            ), judged as (
                select w.*, case when c.trash_key is null and g.id is not null then 'busy' else 'dead' end as verdict
                from wanted w left join claimed c on c.trash_key = w.trash
                left join custode.gc_items g on g.trash_key = w.trash
            ), audited as (
                insert into custode.gc_audit (run_id, action, key, job_id, trash_key)
                select p_run, 'restore', d.key, d.job, d.trash from judged d where d.verdict = 'dead'
            )
            select d.place, d.verdict from judged d;
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
            update custode.gc_items g set state = 'quarantined', claimed_until = null
            from unnest(p_trash, p_back) w (trash, back)
            where not w.back and g.trash_key = w.trash and g.state = 'restoring';
        end $$;
        """
}
