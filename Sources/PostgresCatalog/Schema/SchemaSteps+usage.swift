extension SchemaSteps {
    /// What users uploaded whole, hour by hour; resumable uploads have rows of their own that tell.
    static let usage = """
        create table custode.received_bytes (
            user_id text collate "C" not null,
            hour timestamptz not null,
            bytes bigint not null check (bytes >= 0),
            primary key (user_id, hour)
        );
        create index received_bytes_hour on custode.received_bytes (hour);
        -- Services that run meanwhile call what is replaced here: what their roles may do with uploads they may do with these.
        do $$
        declare
            v_grant record;
        begin
            for v_grant in
                select a.grantee::regrole::text as role, a.privilege_type as what
                from pg_class c, aclexplode(c.relacl) a
                where c.oid = 'custode.uploads'::regclass and a.grantee <> 0 and a.grantee <> c.relowner
                    and a.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
            loop
                execute format('grant %s on custode.received_bytes to %s', v_grant.what, v_grant.role);
            end loop;
        end $$;
        """

    /// The functions of users' daily bytes.
    static let usageFunctions = """
        create or replace function custode.received_today(p_user text) returns bigint
        language plpgsql stable as $$
        begin
            return least(9223372036854775807, (
                -- What is made of others came with those.
                select coalesce(sum(case when u.state = 'ended' then u.received else greatest(u.received, u.length) end), 0)
                from custode.uploads u
                where u.user_id = p_user and u.created_at > clock_timestamp() - interval '1 day' and u.parts = '{}'
            ) + (
                select coalesce(sum(r.bytes), 0) from custode.received_bytes r
                where r.user_id = p_user and r.hour > clock_timestamp() - interval '1 day'
            ));
        end $$;

        create or replace function custode.note_received(p_users text[], p_bytes bigint[])
            returns table (noted_user text, total bigint)
        language plpgsql as $$
        begin
            -- In one order, so that two at once cannot wait for each other.
            insert into custode.received_bytes as r (user_id, hour, bytes)
                select x.u, date_trunc('hour', clock_timestamp()), x.b from unnest(p_users, p_bytes) x (u, b)
                where x.b > 0 order by x.u collate "C"
                on conflict (user_id, hour) do update set bytes = r.bytes + excluded.bytes;
            delete from custode.received_bytes r where (r.user_id, r.hour) in (
                select o.user_id, o.hour from custode.received_bytes o
                where o.hour < clock_timestamp() - interval '2 days' order by o.hour limit 100 for update skip locked);
            return query select x.u, custode.received_today(x.u) from unnest(p_users) x (u);
        end $$;
        """
}
