internal import PostgresClient

/// The SQL of collection, written for the types of the SaaS's columns.
struct CollectionStatements: Sendable {
    let circumstances: PostgresStatement
    let knowledge: String
    let memories: PostgresStatement
    let condemn = PostgresStatement(
        name: "condemn",
        """
        select verdict, job_exists from custode.condemn($1, $2, $3::interval, $4::interval, $5::text[], $6::text[],
            $7::text[], $8::text[], $9::text[], $10::text[]::bigint[], $11::text[]) order by place
        """)
    let renewClaims = PostgresStatement(
        name: "renew_claims", "select custode.renew_claims($1, $2, $3::interval, $4::interval, $5::text[])")
    let settle = PostgresStatement(
        name: "settle", "select custode.settle(to_timestamp($1::bigint / 1e6), $2::text[], $3::text[])")
    let interrupted = PostgresStatement(
        name: "interrupted",
        """
        select etag, size, coalesce(reason, ''), trash_key from custode.gc_items
        where state = 'quarantining' and (claimed_until < clock_timestamp()
            or run_id in (select r.id from custode.gc_runs r where r.epoch < $1::bigint))
        order by id limit $2
        """)
    let begin = PostgresStatement(
        name: "begin_run",
        """
        insert into custode.gc_runs (id, kind, epoch, marker, dry_run, as_of)
        values ($1, $2, $3, $4, $5, to_timestamp($6::bigint / 1e6))
        """)
    let finish = PostgresStatement(
        name: "finish_run",
        """
        insert into custode.gc_runs as r (id, kind, marker, dry_run, as_of, finished_at, verdict, brake, detail, plan_hash,
            live_references, counts)
        values ($1, $2, $3, $4, to_timestamp($5::bigint / 1e6), clock_timestamp(), $6, $7, $8, $9, $10, $11::jsonb)
        on conflict (id) do update set finished_at = excluded.finished_at, verdict = excluded.verdict,
            brake = excluded.brake, detail = excluded.detail, plan_hash = excluded.plan_hash,
            live_references = excluded.live_references, counts = excluded.counts
        """)
    let fence = PostgresStatement(name: "fence", "select custode.fence($1, $2::interval)")
    let tryLead = PostgresStatement(name: nil, "select pg_try_advisory_lock($1)")
    // With the lock nobody else is there; without it somebody is, who has given no sign of life for a lease.
    let lead = PostgresStatement(
        name: nil,
        """
        update custode.gc_leader set epoch = epoch + 1, run_id = $1, lease_until = clock_timestamp() + $2::interval
        where $3 or lease_until < clock_timestamp() returning epoch
        """)
    let freeEvents = PostgresStatement(
        name: nil,
        """
        update custode.outbox set claimed_by = null, claimed_until = null
        where claimed_by in (select id from custode.gc_runs where epoch < $1)
        """)
    let unlock = PostgresStatement(name: nil, "select pg_advisory_unlock($1)")
    let resign = PostgresStatement(
        name: nil, "update custode.gc_leader set lease_until = '-infinity' where epoch = $1")
    let see = PostgresStatement(
        name: "see",
        """
        insert into custode.gc_items as g (key, job_id, state, etag, size, run_id, first_seen)
        select w.key, w.job, 'seen', w.etag, w.size::bigint, $1, to_timestamp($2::bigint / 1e6)
        from unnest($3::text[], $4::text[], $5::text[], $6::text[]) w (key, job, etag, size)
        on conflict (key) where state = 'seen' do update set run_id = excluded.run_id, etag = excluded.etag,
            size = excluded.size, first_seen = case when g.etag = excluded.etag and g.size = excluded.size
                then least(g.first_seen, excluded.first_seen) else excluded.first_seen end
        """)
    let forgetSeen = PostgresStatement(name: nil, "delete from custode.gc_items where state = 'seen'")
    let forgetUnseen = PostgresStatement(
        name: "forget_unseen", "delete from custode.gc_items where state = 'seen' and run_id <> $1")

    init(_ tables: SaaSTables) {
        circumstances = PostgresStatement(
            name: "circumstances",
            """
            select pg_is_in_recovery(),
                row_security_active('\(tables.jobs)') or row_security_active('\(tables.artifacts)'),
                (extract(epoch from clock_timestamp()) * 1000000)::bigint, i.id::text,
                (select system_identifier::text from pg_control_system()), l.marker, l.live_references
            from custode.storage_identity i
            left join lateral (
                select r.marker, r.live_references from custode.gc_runs r
                where r.kind = 'sweep' and not r.dry_run and r.verdict in ('done', 'dry')
                order by r.started_at desc limit 1
            ) l on true
            """)
        // Everything that may keep an object, and what is remembered of it, by key. The order is that of bytes: another
        // collation's would make the merge take the living for dead.
        knowledge = """
            select k.key, k.kind, k.since, k.etag, k.size from (
                select input_ref collate "C" as key, 'r' as kind, null::bigint as since, null as etag, null::bigint as size
                from \(tables.jobs) where input_ref is not null
                union all
                select storage_ref collate "C", 'r', null, null, null from \(tables.artifacts) where storage_ref is not null
                union all
                select key, 'i', null, null, null from custode.upload_intents
                where state = 'open' and lease_until > clock_timestamp()
                union all
                select source_key, 'i', null, null, null from custode.ref_rewrites
                where state = 'open' and source_key is not null
                union all
                select key, 'e', null, null, null from custode.outbox where parked_at is null
                union all
                select key, 's', (extract(epoch from first_seen) * 1000000)::bigint, etag, size
                from custode.gc_items where state = 'seen'
            ) k order by k.key collate "C"
            """
        memories = PostgresStatement(
            name: "memories",
            """
            select j.id is not null,
                exists (select from custode.objects o where o.key = w.key)
                or exists (select from custode.upload_intents i where i.key = w.key)
                or exists (select from custode.gc_items g where g.key = w.key and g.state <> 'seen')
            from unnest($1::text[], $2::text[]) with ordinality w (key, job, place)
            left join \(tables.jobs) j on j.id = nullif(w.job, '')::\(tables.jobID.rawValue)
            order by w.place
            """)
    }
}
