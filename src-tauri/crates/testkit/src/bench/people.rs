//! Members with their cards, made by the database itself.

/// Number inside the code of a member's card.
pub fn pass_number(member: u64) -> [u8; 8] {
    member.to_be_bytes()
}

/// What a member's card is signed with.
pub fn secret(member: u64) -> [u8; 32] {
    std::array::from_fn(|index| member.to_be_bytes()[index % 8])
}

/// $1 now, $2 members. Rows are numbered from 0 in `bench_people`; of twenty the first two have lapsed.
pub const PEOPLE: [(&str, &str); 3] = [
    (
        "numbers",
        "create table bench_people as
         select n, gen_random_uuid() as member_id, gen_random_uuid() as pass_id, n % 20 < 2 as lapsed
         from generate_series(0, $2::bigint - 1) as n where $1::timestamptz is not null",
    ),
    (
        "members",
        "insert into members (id, home_branch_id, number, full_name, phone, created_at, updated_at, suspended_at)
         select p.member_id, b.id, lpad(p.n::text, 8, '0'), 'Member ' || p.n, '+2010' || lpad(p.n::text, 8, '0'),
             $1 - interval '720 days', $1 - interval '720 days', case when p.n % 50 = 7 then $1 end
         from bench_people p cross join branches b where $2::bigint > 0 order by p.n",
    ),
    (
        "passes",
        "insert into passes (id, pass_id, member_id, kind, secret, issued_at)
         select p.pass_id, int8send(p.n), p.member_id, 'card',
             int8send(p.n) || int8send(p.n) || int8send(p.n) || int8send(p.n), $1 - interval '720 days'
         from bench_people p where $2::bigint > 0 order by p.n",
    ),
];
