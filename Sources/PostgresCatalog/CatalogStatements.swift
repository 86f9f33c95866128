internal import PostgresClient

/// The catalog's SQL, written for the types of the SaaS's columns.
struct CatalogStatements: Sendable {
    private static let recordColumns =
        "o.content_type, o.size, o.sha256, o.etag, o.filename, (extract(epoch from o.created_at) * 1000000)::bigint"

    let find: PostgresStatement
    let objects: PostgresStatement
    let beginUpload = PostgresStatement(
        name: "begin_upload", "select intent, key from custode.begin_upload($1, $2, $3, $4::interval)")
    // In the order of the locks, so that two never wait for one another.
    static let beginUploads = PostgresStatement(
        name: "begin_uploads",
        """
        select i.intent, i.key from (
            select u.* from unnest($1::text[], $2::text[], $3::text[]) with ordinality u (job, plain, suffixed, place)
            order by hashtextextended('custode:' || u.job, 1), u.place offset 0
        ) w cross join lateral custode.begin_upload(w.job, w.plain, w.suffixed, $4::interval) i
        order by w.place
        """)
    let move = PostgresStatement(
        name: "move", "update custode.upload_intents set key = $2 where id = $1 and state = 'open'")
    let renew = PostgresStatement(
        name: "renew",
        "update custode.upload_intents set lease_until = clock_timestamp() + $2::interval where id = $1 and state = 'open'"
    )
    let cancel = PostgresStatement(
        name: "cancel", "delete from custode.upload_intents where id = $1 and state = 'open'")
    // Whoever took the intent over meanwhile may have found no bytes yet: what is there now must be remembered.
    let abandon = PostgresStatement(
        name: "abandon",
        """
        insert into custode.upload_intents as i (key, job_id, state, lease_until)
        select $2, $3, 'abandoned', clock_timestamp() where not exists (select from custode.objects o where o.key = $2)
        on conflict (key) do update set state = 'abandoned', lease_until = clock_timestamp() where i.id = $1
        """)
    let publish = PostgresStatement(
        name: "publish",
        """
        select outcome, (extract(epoch from created_at) * 1000000)::bigint
        from custode.publish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        """)
    static let rewrite = PostgresStatement(
        name: "rewrite",
        """
        select outcome, (extract(epoch from created_at) * 1000000)::bigint
        from custode.publish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
            $21::text[])
        """)
    let forget = PostgresStatement(name: "forget", "select custode.forget($1, $2, $3, $4)")
    let revokeLinks = PostgresStatement(
        name: "revoke_links",
        """
        insert into custode.link_epochs as e (job_id, epoch) values ($1, 1)
        on conflict (job_id) do update set epoch = e.epoch + 1
        """)
    // Uses past their link's time serve no more; a few go with every new one.
    let burn = PostgresStatement(
        name: "burn",
        """
        with expired as (
            delete from custode.link_uses where nonce in (
                select nonce from custode.link_uses where expires_at < now() - interval '1 hour'
                limit 10 for update skip locked))
        insert into custode.link_uses (nonce, expires_at) values ($1, to_timestamp($2)) on conflict do nothing
        """)
    let isBurnt = PostgresStatement(
        name: "is_burnt", "select exists (select from custode.link_uses where nonce = $1)")
    let probe = PostgresStatement(name: "probe", "select version from custode.schema_version")

    init(_ tables: SaaSTables) {
        find = PostgresStatement(
            name: "find",
            """
            select w.place, j.id::text, j.user_id::text, j.type::text, coalesce(e.epoch, 0), r.key, \(Self.recordColumns),
                o.job_id = j.id::text
            from unnest($1::text[], $2::text[]) with ordinality as w (job, object, place)
            join \(tables.jobs) j on j.id = w.job::\(tables.jobID.rawValue)
            left join custode.link_epochs e on e.job_id = w.job
            left join lateral (
                select case when w.object = 'input' then j.input_ref
                    else (select a.storage_ref from custode.artifact(j.id, w.object) a) end as key
            ) r on true
            left join custode.objects o on o.key = r.key
            """)
        objects = PostgresStatement(
            name: "objects",
            """
            select j.user_id::text, r.object, r.key, \(Self.recordColumns), o.job_id = j.id::text
            from \(tables.jobs) j
            left join lateral (
                select 'input' as object, j.input_ref as key where j.input_ref is not null
                union all
                select k.kind, (select a.storage_ref from custode.artifact(j.id, k.kind) a)
                from (select distinct a.kind::text as kind from \(tables.artifacts) a where a.job_id = j.id) k
            ) r on exists (select from custode.objects o where o.key = r.key)
            left join custode.objects o on o.key = r.key
            where j.id = $1::\(tables.jobID.rawValue)
            order by r.object <> 'input', r.object
            """)
    }
}
