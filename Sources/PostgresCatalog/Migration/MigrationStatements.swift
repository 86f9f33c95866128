internal import PostgresClient

/// The SQL of migration, written for the types of the SaaS's columns.
struct MigrationStatements: Sendable {
    static let tryLock = PostgresStatement(name: nil, "select pg_try_advisory_lock($1)")
    static let unlock = PostgresStatement(name: nil, "select pg_advisory_unlock($1)")
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
    static let end = PostgresStatement(
        name: nil,
        "update custode.migrations set finished_at = clock_timestamp() where id = $1 and finished_at is null")
    static let beginRemoval = PostgresStatement(
        name: nil,
        """
        with w as (select u.id::bigint as id, u.trash from unnest($1::text[], $2::text[]) u (id, trash)),
        marked as (
            update custode.ref_rewrites x set state = 'removing', trash = w.trash from w
            where x.id = w.id and x.state <> 'undone' returning x.source, x.source_key, x.job_id, x.source_etag,
                x.source_size, x.trash
        )
        insert into custode.gc_audit (run_id, action, key, job_id, reason, etag, size, trash_key)
        select distinct on (m.source) $3, 'quarantine', m.source, m.job_id, 'migrated', m.source_etag, m.source_size, m.trash
        from marked m where m.source_key is null
        """)
    static let endRemoval = PostgresStatement(
        name: nil,
        """
        update custode.ref_rewrites x set state = case when w.trash = '' then 'open' else 'removed' end,
            trash = nullif(w.trash, ''), closed_at = case when w.trash = '' then null else clock_timestamp() end
        from unnest($1::text[], $2::text[]) w (id, trash) where x.id = w.id::bigint and x.state = 'removing'
        """)

    /// What refers to files by one of their spellings, or came from them.
    let spelled: PostgresStatement
    /// What jobs that are named refer to.
    let claimed: PostgresStatement
    let rewrites: PostgresStatement
    /// All that came from some sources.
    let siblings: PostgresStatement
    /// Which sources rows still refer to, in any spelling by which they ever did or could.
    let needed: PostgresStatement

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
            select s.place, x.job_id, j.user_id::text, j.type::text, x.object, x.new_key, 'home'
            from unnest($3::text[]) with ordinality s (source, place)
            join custode.ref_rewrites x on x.source = s.source and x.state <> 'undone'
            join \(tables.jobs) j on j.id = x.job_id::\(job)
            order by 1, 2, 5, 7
            """)
        claimed = PostgresStatement(
            name: nil,
            """
            select w.place, j.id::text, j.user_id::text, j.type::text, w.object, r.ref,
                case when r.ref is not null and not r.is_ours then 'current'
                    -- What was migrated once, and replaced or deleted since, is not migrated again.
                    when exists (select from custode.ref_rewrites x where x.source = w.source and x.job_id = j.id::text
                        and x.object = w.object and x.state <> 'undone') then 'home'
                    when r.ref is null then 'vacant' else 'taken' end
            from unnest($1::text[], $2::text[], $3::text[]) with ordinality w (job, object, source, place)
            join \(tables.jobs) j on j.id = nullif(w.job, '')::\(job)
            left join lateral (
                select f.ref, exists (select from custode.objects o where o.key = f.ref) as is_ours
                from (select case when w.object = 'input' then j.input_ref
                    else (select a.storage_ref from custode.artifact(j.id, w.object) a) end as ref) f
            ) r on true
            order by w.place
            """)
        let columns = """
            x.id, x.job_id, x.object, x.run_id, x.source, x.source_etag, x.source_size,
                (extract(epoch from x.source_modified) * 1000000)::bigint, x.old_ref, x.new_key, x.trash,
                case when x.object = 'input' then exists (
                        select from \(tables.jobs) j where j.id = x.job_id::\(job) and j.input_ref = x.new_key)
                    else exists (select from \(tables.artifacts) a
                        where a.job_id = x.job_id::\(job) and a.storage_ref = x.new_key) end,
                exists (select from \(tables.jobs) j where j.id = x.job_id::\(job)),
                x.sha256, x.state
            """
        rewrites = PostgresStatement(
            name: nil,
            """
            select \(columns) from custode.ref_rewrites x
            where x.id > $3 and x.state <> 'undone' and ($1::text is null or x.run_id = $1)
                and ($2::text is null or x.run_id in (select m.id from custode.migrations m where m.source = $2))
            order by x.id limit $4
            """)
        siblings = PostgresStatement(
            name: nil,
            """
            select \(columns) from unnest($1::text[]) w (source) join custode.ref_rewrites x on x.source = w.source
            order by x.id
            """)
        needed = PostgresStatement(
            name: nil,
            """
            select distinct t.place from (
                select s.place, u.text from unnest($1::text[], $2::text[]) with ordinality s (source, path, place)
                cross join lateral (
                    select s.path
                    union
                    select unnest(x.spellings || x.old_ref) from custode.ref_rewrites x where x.source = s.source
                ) u (text)
            ) t join (
                select input_ref as text from \(tables.jobs) union all select storage_ref from \(tables.artifacts)
            ) r on r.text = t.text
            """)
    }
}
