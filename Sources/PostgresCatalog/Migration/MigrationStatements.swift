internal import PostgresClient

/// The SQL of migration, written for the types of the SaaS's columns.
struct MigrationStatements: Sendable {
    static let tryLock = PostgresStatement(name: nil, "select pg_try_advisory_lock($1)")
    static let unfinished = PostgresStatement(
        name: nil,
        """
        select id from custode.migrations m where m.source = $1 and m.finished_at is null
            and not exists (select from custode.migrations n where n.source = m.source and n.started_at > m.started_at)
        """)
    static let source = PostgresStatement(name: nil, "select source from custode.migrations where id = $1")
    static let begin = PostgresStatement(
        name: nil, "insert into custode.migrations (id, source) values ($1, $2) on conflict (id) do nothing")
    static let finish = PostgresStatement(
        name: nil,
        "update custode.migrations set finished_at = clock_timestamp(), counts = $2::jsonb where id = $1")
    static let last = PostgresStatement(
        name: nil,
        """
        select m.id, m.source, (extract(epoch from m.started_at) * 1000000)::bigint,
            (extract(epoch from m.finished_at) * 1000000)::bigint, (m.counts->>'found')::bigint,
            (m.counts->>'matched')::bigint, (m.counts->>'copied')::bigint, (m.counts->>'skipped')::bigint,
            (m.counts->>'conflicts')::bigint, (m.counts->>'failed')::bigint, (m.counts->>'bytes')::bigint,
            (select count(*) from custode.ref_rewrites x where x.run_id = m.id and x.state <> 'undone'),
            (select count(*) from custode.ref_rewrites x where x.run_id = m.id and x.state in ('open', 'removing'))
        from custode.migrations m where $1::text is null or m.source = $1
        order by m.started_at desc limit 1
        """)
    static let countRewrites = PostgresStatement(
        name: nil, "select count(*) from custode.ref_rewrites where run_id = $1")
    static let undo = PostgresStatement(name: "undo_rewrite", "select custode.undo_rewrite($1)")
    static let beginRemoval = PostgresStatement(
        name: nil,
        """
        update custode.ref_rewrites x set state = 'removing'
        where x.state = 'open' and x.source in (
            select y.source from unnest($1::text[]) w (id) join custode.ref_rewrites y on y.id = w.id::bigint)
        """)
    static let endRemoval = PostgresStatement(
        name: nil,
        """
        update custode.ref_rewrites x set state = case when s.trash = '' then 'open' else 'removed' end,
            trash = nullif(s.trash, ''), closed_at = case when s.trash = '' then null else clock_timestamp() end
        from (
            select y.source, max(w.trash) as trash from unnest($1::text[], $2::text[]) w (id, trash)
            join custode.ref_rewrites y on y.id = w.id::bigint group by y.source
        ) s where x.source = s.source and x.state = 'removing'
        """)

    /// What refers to files by one of their spellings, or came from them.
    let spelled: PostgresStatement
    /// What jobs that are named refer to.
    let claimed: PostgresStatement
    let rewrites: PostgresStatement

    init(_ tables: SaaSTables) {
        let job = tables.jobID.rawValue
        spelled = PostgresStatement(
            name: nil,
            """
            with w as (
                select w.spelling, w.place::bigint as place from unnest($1::text[], $2::text[]) w (spelling, place)
            ), r as (
                select w.place, j.id as job, 'input' as object, j.input_ref as ref, 'current' as standing
                from w join \(tables.jobs) j on j.input_ref = w.spelling
                union all
                select w.place, a.job_id, a.kind::text, a.storage_ref, case when a.id::text = (
                        select x.artifact_id from custode.artifact(a.job_id, a.kind::text) x) then 'current'
                    else 'superseded' end
                from w join \(tables.artifacts) a on a.storage_ref = w.spelling
            )
            select r.place, j.id::text, j.user_id::text, j.type::text, r.object, r.ref,
                case when exists (select from custode.objects o where o.key = r.ref) then 'home' else r.standing end
            from r join \(tables.jobs) j on j.id = r.job
            union all
            select s.place, x.job_id, coalesce(j.user_id::text, ''), coalesce(j.type::text, ''), x.object, x.new_key, 'home'
            from unnest($3::text[]) with ordinality s (source, place)
            join custode.ref_rewrites x on x.source = s.source and x.state in ('open', 'removing')
            left join \(tables.jobs) j on j.id = x.job_id::\(job)
            order by 1, 2, 5, 7
            """)
        claimed = PostgresStatement(
            name: nil,
            """
            select w.place, j.id::text, j.user_id::text, j.type::text, w.object, r.ref,
                case when r.ref is null then 'vacant'
                    when exists (select from custode.ref_rewrites x where x.job_id = w.job and x.object = w.object
                        and x.source = w.source and x.new_key = r.ref and x.state in ('open', 'removing')) then 'home'
                    when exists (select from custode.objects o where o.key = r.ref) then 'taken'
                    else 'current' end
            from unnest($1::text[], $2::text[], $3::text[]) with ordinality w (job, object, source, place)
            join \(tables.jobs) j on j.id = nullif(w.job, '')::\(job)
            left join lateral (
                select case when w.object = 'input' then j.input_ref
                    else (select a.storage_ref from custode.artifact(j.id, w.object) a) end as ref
            ) r on true
            order by w.place
            """)
        rewrites = PostgresStatement(
            name: nil,
            """
            select x.id, x.job_id, x.object, x.run_id, x.source, x.source_etag, x.source_size,
                (extract(epoch from x.source_modified) * 1000000)::bigint, x.old_ref, x.new_key, x.trash,
                case when x.object = 'input' then exists (
                        select from \(tables.jobs) j where j.id = x.job_id::\(job) and j.input_ref = x.new_key)
                    else exists (select from \(tables.artifacts) a
                        where a.job_id = x.job_id::\(job) and a.storage_ref = x.new_key) end,
                exists (select from \(tables.jobs) j where j.id = x.job_id::\(job))
            from custode.ref_rewrites x
            where x.id > $3 and x.state <> 'undone' and ($1::text is null or x.run_id = $1)
                and ($2::text is null or x.run_id in (select m.id from custode.migrations m where m.source = $2))
            order by x.id limit $4
            """)
    }
}
