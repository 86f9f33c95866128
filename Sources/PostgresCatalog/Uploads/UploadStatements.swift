internal import PostgresClient

/// The SQL of resumable uploads.
struct UploadStatements: Sendable {
    /// What ``UploadDecoding`` reads, in its order.
    private static let columns = """
        u.id, u.user_id, u.dialect, u.job_id, u.job_type, u.object, u.claim, u.filename, u.expected,
        array_to_string(u.parts, ' '), u.metadata, u.concat, u.byte_limit, u.digest, u.length, u.received, u.state,
        u.ending, u.ending_detail, u.epoch, (extract(epoch from u.expires_at) * 1000000)::bigint,
        (extract(epoch from u.published_at) * 1000000)::bigint, encode(u.held, 'hex'), encode(u.judgement, 'hex'),
        u.content_type, u.sha256, u.intent_id, u.key, u.staged_size, encode(u.staged_hash, 'hex'), u.staged_token,
        u.next_number, u.link_nonce, u.link_epoch, u.link_expires, u.link_once,
        (select string_agg(concat_ws(chr(31), p.first, p.size, p.number, p.tag), chr(30) order by p.first)
            from custode.upload_parts p where p.upload_id = u.id)
        """

    let create = PostgresStatement(
        name: "begin_resumable",
        """
        select custode.begin_resumable($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text[], $11, $12, $13, $14, $15, $16,
            $17::interval, $18::interval, $19, $20, $21, $22, $23, $24, $25)
        """)
    let room = PostgresStatement(
        name: "room_of_resumable",
        """
        select ($3::bigint - custode.received_today($2) + coalesce((
            select case when u.state = 'ended' then u.received else greatest(u.received, u.length) end
            from custode.uploads u
            where u.id = $1 and u.created_at > clock_timestamp() - interval '1 day' and u.parts = '{}'), 0))::bigint
        """)
    let find = PostgresStatement(
        name: "find_resumable",
        """
        select \(columns), coalesce(u.lease_until > clock_timestamp(), false)
        from custode.uploads u where u.id = $1
        """)
    /// How many part numbers a request may need: none of them may ever be another's, who may still be sending its own.
    static func reserve(_ upload: String) -> String {
        "least(10000, (coalesce(\(upload)length, \(upload)byte_limit) - \(upload)received) / 8388608 + 2)::integer"
    }

    // The numbers that it may need are taken before it uses one, and given back when it lets go in good order.
    let claim = PostgresStatement(
        name: "claim_resumable",
        """
        update custode.uploads u set epoch = u.epoch + 1, lease_until = clock_timestamp() + $2::interval,
            contested = false, next_number = u.next_number + case when $4 then \(reserve("u.")) else 0 end
        where u.id = $1 and (u.lease_until is null or u.lease_until <= clock_timestamp()
            or $3::bigint >= case when u.state = 'completing' then 2 else 1 end)
        returning \(columns), case when $4 then \(reserve("u.")) else 0 end
        """)
    let contest = PostgresStatement(
        name: "contest_resumable",
        """
        with contested as (
            update custode.uploads set contested = true
            where id = $1 and lease_until > clock_timestamp() and not contested)
        select exists (select from custode.uploads where id = $1)
        """)
    let record = PostgresStatement(
        name: "record_resumable",
        """
        with held as (
            update custode.uploads u set
                length = $3, received = $4, state = $5, ending = $6, ending_detail = $7, held = decode($8, 'hex'),
                judgement = decode($9, 'hex'), content_type = $10, sha256 = $11, digest = $12, intent_id = $13,
                key = $14, staged_size = $15, staged_hash = decode($16, 'hex'), staged_token = $17,
                next_number = case when $19 then $18 else u.next_number end,
                lease_until = case when $19 then null else clock_timestamp() + $20::interval end,
                expires_at = case when u.state = 'receiving' then clock_timestamp() + $21::interval
                    else u.expires_at end,
                ended_at = case when $5 in ('done', 'ended') then clock_timestamp() end
            where u.id = $1 and u.epoch = $2 and u.lease_until is not null
            returning u.id),
        renewed as (
            update custode.upload_intents i set lease_until = clock_timestamp() + $22::interval from held
            where i.id = $13 and i.state = 'open' and i.lease_until < clock_timestamp() + $21::interval),
        removed as (
            delete from custode.upload_parts p using held, unnest($23::text[], $24::text[]) as r (first, number)
            where p.upload_id = held.id and p.first = r.first::bigint and p.number = r.number::bigint),
        added as (
            insert into custode.upload_parts (upload_id, first, size, number, tag)
            select held.id, a.first::bigint, a.size::bigint, a.number::bigint, nullif(a.tag, '')
            from held, unnest($25::text[], $26::text[], $27::text[], $28::text[]) as a (first, size, number, tag))
        select count(*) from held
        """)
    let release = PostgresStatement(
        name: "release_resumable",
        """
        update custode.uploads set lease_until = null, next_number = $3
        where id = $1 and epoch = $2 and lease_until is not null
        """)
    let attend = PostgresStatement(
        name: "attend_resumable",
        """
        with held as (
            select h.id, h.epoch::bigint from unnest($1::text[], $2::text[]) as h (id, epoch)),
        renewed as (
            update custode.uploads u set lease_until = clock_timestamp() + $3::interval from held h
            where u.id = h.id and u.epoch = h.epoch and not u.contested
                and u.lease_until < clock_timestamp() + $3::interval / 2)
        select h.id from held h
        where not exists (
            select from custode.uploads u
            where u.id = h.id and u.epoch = h.epoch and u.lease_until is not null and not u.contested)
        """)
    let finish = PostgresStatement(
        name: "finish_resumable",
        """
        select outcome, (extract(epoch from created_at) * 1000000)::bigint
        from custode.finish_resumable($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        """)
    // What the planner would make one walk over all of it is asked one by one, each by its index. Every attempt counts the
    // epoch up: what fails again and again comes behind what was not tried as often.
    let due = PostgresStatement(
        name: "due_resumables",
        """
        select u.id from (
            select id, epoch, lease_until from custode.uploads where state = 'completing'
            union select id, epoch, lease_until from custode.uploads where state = 'receiving' and parts <> '{}'
            union select id, epoch, lease_until from custode.uploads
                where state = 'receiving' and dialect = 'tus' and received = length
            union select id, epoch, lease_until from custode.uploads
                where state in ('receiving', 'done') and expires_at < clock_timestamp()
                    and (state = 'receiving' or (job_id is null and not exists (
                        -- One that is being joined with others is needed until that is done.
                        select from custode.uploads f
                        where f.state = 'receiving' and f.parts <> '{}' and f.parts @> array[custode.uploads.id])))
        ) u
        where u.lease_until is null or u.lease_until < clock_timestamp()
        order by u.epoch limit $1
        """)
    let forget = PostgresStatement(
        name: "forget_resumables",
        """
        delete from custode.uploads where id in (
            select id from custode.uploads
            where ended_at < clock_timestamp() - $1::interval and (state = 'ended' or job_id is not null)
            order by ended_at limit 1000 for update skip locked)
        """)
    let open = PostgresStatement(
        name: "open_resumables",
        """
        select exists (
            select from custode.uploads u where u.id = w.id
                and (u.state in ('receiving', 'completing') or (u.state = 'done' and u.job_id is null)))
        from unnest($1::text[]) with ordinality as w (id, place) order by w.place
        """)
}
