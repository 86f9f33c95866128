internal import PostgresClient

/// The SQL of the outbox, of the trash and of scrubbing.
enum OutboxStatements {
    /// After so many failures an event is parked.
    static let attempts = 10

    // An event's first look comes a delay after it; later ones when they were put off to.
    private static let isDue = """
        parked_at is null and (claimed_until is null or claimed_until < clock_timestamp())
        and (attempts = 0 and review_after <= to_timestamp($1::bigint / 1e6) - $2::interval
            or attempts > 0 and review_after <= to_timestamp($1::bigint / 1e6))
        """
    static let state = PostgresStatement(
        name: "outbox_state",
        """
        select exists (select from custode.outbox where \(isDue)), count(*) filter (where parked_at is null),
            count(*) filter (where parked_at is not null),
            greatest(0, coalesce(extract(epoch from clock_timestamp()
                - min(review_after) filter (where parked_at is null)), 0))::bigint
        from custode.outbox
        """)
    static let claim = PostgresStatement(
        name: "claim_events",
        """
        update custode.outbox set claimed_by = $3, claimed_until = clock_timestamp() + $5::interval
        where id in (select id from custode.outbox where \(isDue) and claimed_by is distinct from $3
            order by review_after limit $4 for update skip locked)
        returning id, key, reason
        """)
    static let drop = PostgresStatement(
        name: "drop_events", "delete from custode.outbox where id = any ($1::text[]::bigint[])")
    static let release = PostgresStatement(
        name: "release_events",
        """
        update custode.outbox set claimed_by = null, claimed_until = clock_timestamp() + interval '2 s'
        where id = any ($1::text[]::bigint[])
        """)
    // 5 min · 2ⁿ up to a day, and a tenth more or less, so that what failed together is not tried together. Who tried it
    // stays noted: a run that was told another now must not try it over and over.
    static let fail = PostgresStatement(
        name: "fail_events",
        """
        update custode.outbox o set attempts = o.attempts + 1, claimed_until = null,
            last_error = w.reason,
            review_after = clock_timestamp() + least(interval '5 min' * power(2, least(o.attempts, 12)), interval '24 h')
                * (0.9 + 0.2 * random()),
            parked_at = case when o.attempts + 1 >= \(attempts) then clock_timestamp() end
        from unnest($1::text[], $2::text[]) w (id, reason) where o.id = w.id::bigint
        """)
    static let lapse = PostgresStatement(
        name: "lapse_intents",
        """
        with lapsed as (
            update custode.upload_intents set state = 'queued'
            where state = 'abandoned' or state = 'open' and lease_until < clock_timestamp()
            returning key, job_id
        ), forgotten as (
            delete from custode.upload_intents
            where state = 'queued' and lease_until < clock_timestamp() - interval '30 days'
        )
        insert into custode.outbox (key, job_id, reason) select key, job_id, 'upload given up' from lapsed
        """)
    static let forgetAbsent = PostgresStatement(
        name: "forget_absent",
        """
        delete from custode.objects o using unnest($1::text[]) w (key) where o.key = w.key
            and not exists (select from custode.referenced($1::text[]) r where r.key = o.key)
            and not exists (select from custode.gc_items g where g.key = o.key and g.state = 'quarantining')
        """)
    static let quarantined = PostgresStatement(
        name: "quarantined",
        """
        select (extract(epoch from g.quarantined_at) * 1000000)::bigint
        from unnest($1::text[]) with ordinality w (trash, place)
        left join custode.gc_items g on g.trash_key = w.trash order by w.place
        """)
    static let oldTrash = PostgresStatement(
        name: "old_trash",
        """
        select trash_key from custode.gc_items where state in ('quarantined', 'purging')
            and quarantined_at <= to_timestamp($1::bigint / 1e6) order by quarantined_at limit $2
        """)
    static let condemnTrash = PostgresStatement(
        name: "condemn_trash",
        """
        select verdict from custode.condemn_trash($1, $2, $3::interval, $4::interval, $5::text[], $6::text[], $7::text[])
        order by place
        """)
    static let forgetTrash = PostgresStatement(
        name: "forget_trash",
        "delete from custode.gc_items where trash_key = any ($1::text[]) and state in ('quarantined', 'purging')")
    static let newestTrash = PostgresStatement(
        name: "newest_trash",
        """
        select trash_key from custode.gc_items where key = $1 and state in ('quarantined', 'restoring', 'purging')
        order by quarantined_at desc nulls last, id desc limit 1
        """)
    static let beginRestore = PostgresStatement(
        name: "begin_restore",
        "select verdict from custode.begin_restore($1, $2::interval, $3::text[], $4::text[], $5::text[]) order by place"
    )
    static let endRestore = PostgresStatement(
        name: "end_restore", "select custode.end_restore($1::text[], $2::text[], $3::text[]::boolean[])")
    static let published = PostgresStatement(
        name: "published",
        """
        select o.job_id, o.object, o.key, o.content_type, o.size, o.sha256, o.etag, o.filename,
            (extract(epoch from o.created_at) * 1000000)::bigint
        from custode.objects o
        where o.key > $1 and (hashtextextended(o.key, 0) & 9223372036854775807) % $3::bigint = $2::bigint
        order by o.key limit $4
        """)
    static let referenced = PostgresStatement(
        name: "referenced",
        """
        select r.key is not null from unnest($1::text[]) with ordinality w (key, place)
        left join custode.referenced($1::text[]) r on r.key = w.key order by w.place
        """)
    static let uploading = PostgresStatement(
        name: "uploading",
        """
        select exists (
            select from custode.upload_intents i
            where i.key = w.key and i.state = 'open' and i.lease_until > clock_timestamp())
            -- A partial upload has no key, and a folder of its own.
            or (w.key like '.custode/uploads/%' and exists (
                select from custode.uploads u
                where u.id = split_part(w.key, '/', 3) and u.state in ('receiving', 'completing')))
        from unnest($1::text[]) with ordinality w (key, place) order by w.place
        """)
}
