//! The figures of a shift, each added up by the database, and the rows behind a figure.
use crate::error::Error;
use crate::ids::{MemberId, ReceiptId, ShiftId, TransactionId};
use crate::money::Money;
use crate::payments::wire::Method;
use crate::till::model::{CashFlow, MOST_ROWS, Movement};
use crate::till::store::Shift;
use crate::till::wire::{
    Figure, FigureTotal, MethodTotal, MovementKind, ReceiptRange, ShiftReport, ShiftRow, ShiftRows, TaxFigure,
};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// Rows of a figure on one page.
const PAGE: i64 = 200;

/// What went through a shift, without its float.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub payments: Vec<(Method, Sum)>,
    pub refunds: Vec<(Method, Sum)>,
    pub cash_in: Sum,
    pub cash_out: Sum,
    pub expenses: Sum,
    pub sales: Sum,
    pub credits: Sum,
    pub taxes: Vec<TaxSum>,
    pub receipts: Option<ReceiptRange>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub count: i64,
    pub minor: i64,
}

#[derive(Clone, Debug)]
pub struct TaxSum {
    pub name: Option<String>,
    pub rate_bp: i32,
    pub gross: i64,
    pub tax: i64,
}

impl Figures {
    /// What should be in a drawer that began with this float.
    pub fn expected(&self, float: i64) -> i64 {
        let in_cash = |sums: &[(Method, Sum)]| {
            sums.iter().filter(|(method, _)| *method == Method::Cash).map(|(_, sum)| sum.minor).sum()
        };
        let flow = CashFlow {
            float,
            payments: in_cash(&self.payments),
            refunds: in_cash(&self.refunds),
            cash_in: self.cash_in.minor,
            cash_out: self.cash_out.minor,
            expenses: self.expenses.minor,
        };
        flow.expected()
    }

    /// Without a closing: an X report.
    pub fn report(&self, shift: &Shift) -> ShiftReport {
        let money = |minor: i64| Money::new(minor, shift.currency.clone());
        let total = |sum: Sum| FigureTotal { count: sum.count, amount: money(sum.minor) };
        ShiftReport {
            shift_id: shift.id,
            till_id: shift.till,
            till_name: shift.till_name.clone(),
            number: shift.number,
            business_day: shift.business_day,
            opened_at: shift.opened_at,
            opened_by: shift.opened_by.clone(),
            float: money(shift.float),
            float_counted: shift.float_counted,
            sales: total(self.sales),
            credits: total(self.credits),
            payments: method_totals(&self.payments, &shift.currency),
            refunds: method_totals(&self.refunds, &shift.currency),
            cash_in: total(self.cash_in),
            cash_out: total(self.cash_out),
            expenses: total(self.expenses),
            taxes: self
                .taxes
                .iter()
                .map(|tax| TaxFigure {
                    name: tax.name.clone(),
                    rate_bp: tax.rate_bp,
                    gross: money(tax.gross),
                    tax: money(tax.tax),
                })
                .collect(),
            receipts: self.receipts,
            expected: money(self.expected(shift.float)),
            closing: None,
        }
    }
}

pub fn method_totals(sums: &[(Method, Sum)], currency: &str) -> Vec<MethodTotal> {
    let total = |(method, sum): &(Method, Sum)| MethodTotal {
        method: *method,
        count: sum.count,
        amount: Money::new(sum.minor, currency),
    };
    sums.iter().map(total).collect()
}

/// Adds up a shift, in one question.
pub async fn figures(db: &mut PgConnection, shift: ShiftId) -> Result<Figures, Error> {
    let rows = sqlx::query!(
        // The receipts are read once: each lies on a page with little else.
        r#"with given as materialized (select transaction_id, number from receipts where shift_id = $1)
           select 'payment' as "part!", method as "method: Method", null::text as tax_name, 0 as "tax_bp!",
               count(*) as "count!", sum(amount)::bigint as "minor!", 0::bigint as "tax!", 0::bigint as "first!", 0::bigint as "last!"
           from payments where shift_id = $1 group by method
           union all
           select 'refund', method, null, 0, count(*), sum(amount)::bigint, 0, 0, 0
           from refunds where shift_id = $1 group by method
           union all
           select kind, null, null, 0, count(*), sum(amount)::bigint, 0, 0, 0
           from cash_movements where shift_id = $1 group by kind
           union all
           select 'expense', null, null, 0, count(*), sum(e.amount)::bigint, 0, 0, 0
           from expense_payments p join expenses e on e.id = p.expense_id
           where p.shift_id = $1 and p.method = 'cash' having count(*) > 0
           union all
           select 'receipt', null, null, 0, count(*), 0, 0, min(number), max(number)
           from given having count(*) > 0
           union all
           select 'sale', null, c.tax_name, c.tax_bp, count(*), sum(c.amount)::bigint, sum(c.tax_amount)::bigint, 0, 0
           from given r
           -- From each receipt to its charges: the cost grows with the shift, not with the years before it.
           cross join lateral (select * from charges where transaction_id = r.transaction_id offset 0) c
           group by c.tax_name, c.tax_bp
           union all
           select 'credit', null, c.tax_name, c.tax_bp, count(*), sum(k.amount)::bigint,
               sum(round(c.tax_amount::numeric * k.amount / c.amount))::bigint, 0, 0
           from given r
           join charge_credits k on k.transaction_id = r.transaction_id and k.kind in ('void', 'credit_note')
           join charges c on c.id = k.charge_id
           group by c.tax_name, c.tax_bp
           order by 1, 4, 3"#,
        shift.0
    )
    .fetch_all(db)
    .await?;
    let mut figures = Figures::default();
    for row in rows {
        let sum = Sum { count: row.count, minor: row.minor };
        match (row.part.as_str(), row.method) {
            ("payment", Some(method)) => figures.payments.push((method, sum)),
            ("refund", Some(method)) => figures.refunds.push((method, sum)),
            ("cash_in", _) => figures.cash_in = sum,
            ("cash_out", _) => figures.cash_out = sum,
            ("expense", _) => figures.expenses = sum,
            ("receipt", _) => {
                figures.receipts = Some(ReceiptRange { first: row.first, last: row.last, count: row.count });
            }
            ("sale", _) => {
                figures.sales.count += sum.count;
                figures.sales.minor += sum.minor;
                add_tax(&mut figures.taxes, row.tax_name, row.tax_bp, sum.minor, row.tax);
            }
            ("credit", _) => {
                figures.credits.count += sum.count;
                figures.credits.minor += sum.minor;
                add_tax(&mut figures.taxes, row.tax_name, row.tax_bp, -sum.minor, -row.tax);
            }
            _ => {}
        }
    }
    figures.payments.sort_by_key(|(method, _)| *method);
    figures.refunds.sort_by_key(|(method, _)| *method);
    Ok(figures)
}

fn add_tax(taxes: &mut Vec<TaxSum>, name: Option<String>, rate_bp: i32, gross: i64, tax: i64) {
    if let Some(same) = taxes.iter_mut().find(|other| other.name == name && other.rate_bp == rate_bp) {
        same.gross += gross;
        same.tax += tax;
    } else {
        taxes.push(TaxSum { name, rate_bp, gross, tax });
    }
}

/// A row of one of the questions below.
struct Line {
    transaction_id: TransactionId,
    at: DateTime<Utc>,
    by: Option<String>,
    minor: i64,
    currency: String,
    method: Option<Method>,
    member_id: Option<MemberId>,
    member: Option<String>,
    text: Option<String>,
    receipt_id: Option<ReceiptId>,
    receipt_number: Option<i64>,
    total: i64,
}

impl Line {
    fn row(self) -> ShiftRow {
        ShiftRow {
            transaction_id: self.transaction_id,
            at: self.at,
            by: self.by,
            amount: Money::new(self.minor, self.currency),
            method: self.method,
            member_id: self.member_id,
            member: self.member,
            text: self.text,
            receipt_id: self.receipt_id,
            receipt_number: self.receipt_number,
        }
    }
}

/// The rows that make up a figure, oldest first.
pub async fn rows(
    db: &mut PgConnection,
    shift: ShiftId,
    figure: Figure,
    offset: i64,
) -> Result<ShiftRows, Error> {
    let lines = match figure {
        Figure::Sales => charges(db, shift, offset).await?,
        Figure::Credits => credits(db, shift, offset).await?,
        Figure::Receipts => receipts(db, shift, offset).await?,
        Figure::Payments(method) => moved(db, shift, MovementKind::Payment, Some(method), offset).await?,
        Figure::Refunds(method) => moved(db, shift, MovementKind::Refund, Some(method), offset).await?,
        Figure::CashIn => moved(db, shift, MovementKind::CashIn, None, offset).await?,
        Figure::CashOut => moved(db, shift, MovementKind::CashOut, None, offset).await?,
        Figure::Expenses => moved(db, shift, MovementKind::Expense, Some(Method::Cash), offset).await?,
    };
    let total = lines.first().map_or(0, |line| line.total);
    Ok(ShiftRows { rows: lines.into_iter().map(Line::row).collect(), total })
}

async fn charges(db: &mut PgConnection, shift: ShiftId, offset: i64) -> Result<Vec<Line>, Error> {
    Ok(sqlx::query_as!(
        Line,
        r#"select t.id as "transaction_id: TransactionId", t.at, a.full_name as "by?", c.amount as minor, c.currency,
               null::text as "method?: Method", m.id as "member_id?: MemberId", m.full_name as "member?", c.description as "text?",
               r.id as "receipt_id?: ReceiptId", r.number as "receipt_number?", count(*) over () as "total!"
           from receipts r
           join ledger_transactions t on t.id = r.transaction_id
           join charges c on c.transaction_id = t.id
           left join accounts a on a.id = t.account_id
           left join members m on m.id = c.member_id
           where r.shift_id = $1
           order by t.at, c.id limit $2 offset $3"#,
        shift.0,
        PAGE,
        offset
    )
    .fetch_all(db)
    .await?)
}

async fn credits(db: &mut PgConnection, shift: ShiftId, offset: i64) -> Result<Vec<Line>, Error> {
    Ok(sqlx::query_as!(
        Line,
        r#"select t.id as "transaction_id: TransactionId", t.at, a.full_name as "by?", k.amount as minor, c.currency,
               null::text as "method?: Method", m.id as "member_id?: MemberId", m.full_name as "member?", c.description as "text?",
               r.id as "receipt_id?: ReceiptId", r.number as "receipt_number?", count(*) over () as "total!"
           from receipts r
           join ledger_transactions t on t.id = r.transaction_id
           join charge_credits k on k.transaction_id = t.id and k.kind in ('void', 'credit_note')
           join charges c on c.id = k.charge_id
           left join accounts a on a.id = t.account_id
           left join members m on m.id = c.member_id
           where r.shift_id = $1
           order by t.at, k.id limit $2 offset $3"#,
        shift.0,
        PAGE,
        offset
    )
    .fetch_all(db)
    .await?)
}

/// Each receipt with the money that moved on it: taken less given back.
async fn receipts(db: &mut PgConnection, shift: ShiftId, offset: i64) -> Result<Vec<Line>, Error> {
    Ok(sqlx::query_as!(
        Line,
        r#"select t.id as "transaction_id: TransactionId", t.at, a.full_name as "by?", s.currency,
               ((select coalesce(sum(amount), 0) from payments where transaction_id = t.id)
                - (select coalesce(sum(amount), 0) from refunds where transaction_id = t.id)
                + (select coalesce(sum(case kind when 'cash_in' then amount else -amount end), 0)
                   from cash_movements where transaction_id = t.id and shift_id = $1))::bigint as "minor!",
               null::text as "method?: Method", m.id as "member_id?: MemberId", m.full_name as "member?", r.kind as "text?",
               r.id as "receipt_id?: ReceiptId", r.number as "receipt_number?", count(*) over () as "total!"
           from receipts r
           join ledger_transactions t on t.id = r.transaction_id
           join till_shifts s on s.id = r.shift_id
           left join accounts a on a.id = t.account_id
           left join members m on m.id = r.member_id
           where r.shift_id = $1
           order by r.number limit $2 offset $3"#,
        shift.0,
        PAGE,
        offset
    )
    .fetch_all(db)
    .await?)
}

async fn moved(
    db: &mut PgConnection,
    shift: ShiftId,
    kind: MovementKind,
    method: Option<Method>,
    offset: i64,
) -> Result<Vec<Line>, Error> {
    Ok(sqlx::query_as!(
        Line,
        r#"select t.id as "transaction_id: TransactionId", t.at, a.full_name as "by?", v.amount as "minor!", v.currency as "currency!",
               v.method as "method?: Method", m.id as "member_id?: MemberId", m.full_name as "member?", v.text as "text?",
               r.id as "receipt_id?: ReceiptId", r.number as "receipt_number?", count(*) over () as "total!"
           from shift_movements v
           join ledger_transactions t on t.id = v.transaction_id
           left join accounts a on a.id = t.account_id
           left join members m on m.id = v.member_id
           left join receipts r on r.transaction_id = t.id
           where v.shift_id = $1 and v.kind = $2 and ($3::text is null or v.method = $3)
           order by t.at, v.id limit $4 offset $5"#,
        shift.0,
        kind as MovementKind,
        method as Option<Method>,
        PAGE,
        offset
    )
    .fetch_all(db)
    .await?)
}

/// The rows among which the causes of a variance are looked for: those of the very amount or half of it first, then
/// the newest.
pub async fn suspects(
    db: &mut PgConnection,
    shift: ShiftId,
    variance: i64,
) -> Result<(Vec<Movement>, Vec<ShiftRow>), Error> {
    let rows = sqlx::query!(
        r#"with chosen as (
               select * from shift_movements
               where shift_id = $1
               order by amount in (abs($2::bigint), abs($2::bigint) / 2) desc, transaction_id desc, id desc limit $3
           )
           select v.kind as "kind!: MovementKind", v.method as "method!: Method", t.id as "transaction_id: TransactionId", t.at,
               a.full_name as "by?", v.amount as "amount!", v.currency as "currency!", m.id as "member_id?: MemberId",
               m.full_name as "member?", v.text as "text?", r.id as "receipt_id?: ReceiptId", r.number as "receipt_number?"
           from chosen v
           join ledger_transactions t on t.id = v.transaction_id
           left join accounts a on a.id = t.account_id
           left join members m on m.id = v.member_id
           left join receipts r on r.transaction_id = t.id
           order by v.amount in (abs($2::bigint), abs($2::bigint) / 2) desc, v.transaction_id desc, v.id desc"#,
        shift.0,
        variance,
        i64::try_from(MOST_ROWS).unwrap_or(i64::MAX)
    )
    .fetch_all(db)
    .await?;
    let rows = rows.into_iter().map(|row| {
        let movement = Movement { kind: row.kind, method: row.method, amount: row.amount };
        let shown = ShiftRow {
            transaction_id: row.transaction_id,
            at: row.at,
            by: row.by,
            amount: Money::new(row.amount, row.currency),
            method: Some(row.method),
            member_id: row.member_id,
            member: row.member,
            text: row.text,
            receipt_id: row.receipt_id,
            receipt_number: row.receipt_number,
        };
        (movement, shown)
    });
    Ok(rows.unzip())
}
