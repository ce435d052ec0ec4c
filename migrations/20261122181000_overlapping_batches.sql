-- A branch takes its next batch while headquarters reads the one before.

drop function relay_take(int, bigint);

-- The next events to send, money first, none of those that are `under_way`. A transaction that would be cut in two goes with the next
-- batch; one that is larger than a batch makes a larger batch. Only one that is much larger (what a database had when it joined is
-- queued in one) is cut: its events go each for itself, without `xid`. Events are given as they go over the wire, as text.
create function relay_take(up_to int, max_bytes bigint, under_way uuid[]) returns table (id uuid, event text)
language plpgsql volatile security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    -- Beyond a batch: as much as it takes to see whether its last transaction would be cut.
    seen constant int := up_to + 200;
begin
    -- What came later to a row that waits, waits behind it, with all of its transaction: of two changes of a row the later one
    -- arrives later.
    while exists (select from sync_outbox where answer is null and waits > 0) loop
        with next as (
            select * from sync_outbox where answer is null order by waits, money desc, seq limit seen
        ), behind as (
            select n.seq, n.xid, n.money, max(w.waits) as waits
            from next n join sync_outbox w on w.tbl = n.tbl and w.key = n.key and w.answer is null and w.seq < n.seq and w.waits > n.waits
            group by 1, 2, 3
        )
        update sync_outbox o set waits = b.waits from behind b
        where o.answer is null and o.waits < b.waits and (o.seq = b.seq or (o.xid = b.xid and o.money = b.money));
        exit when not found;
    end loop;
    return query
        with queue as (
            select o.*, o.row::text as written
            from (select * from sync_outbox q where q.answer is null order by q.waits, q.money desc, q.seq
                  limit seen + cardinality(under_way)) as o
            where not exists (select from unnest(under_way) u where u = o.id)
        ), next as (
            select q.*, row_number() over line as n, sum(octet_length(written)) over line - octet_length(written) as before
            from queue q
            window line as (order by waits, money desc, seq)
        ), batch as (
            select * from next where n <= up_to and before < max_bytes
        ), cut as (
            select distinct xid, money from next where n <= seen and not (n <= up_to and before < max_bytes)
        ), whole as (
            select * from batch b where not exists (select from cut c where c.xid = b.xid and c.money = b.money)
        ), first as (
            select x.* from next f join next x on x.xid = f.xid and x.money = f.money
            where f.n = 1 and not exists (select from whole)
        ), first_whole as (
            select * from first
            where (select max(n) < seen and sum(octet_length(written)) <= greatest(max_bytes, 16 * 1024 * 1024) from first)
        ), taken as (
            select *, xid as sent_as from whole
            union all
            select *, xid from first_whole
            union all
            select *, null from batch where not exists (select from whole) and not exists (select from first_whole)
        )
        select t.id, concat('{"id":"', t.id, '","seq":', t.seq, ',"tbl":', to_json(t.tbl), ',"op":"', t.op, '","row":', t.written,
            ',"base":' || t.base::text, ',"at":', to_json(t.at), ',"waits":', t.waits,
            ',"waited":', coalesce(greatest(extract(epoch from now() - t.put_off_at), 0)::bigint, 0), ',"xid":"' || t.sent_as::text || '"', '}')
        from taken t order by t.n;
end $$;
revoke execute on function relay_take from public;
