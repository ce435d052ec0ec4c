//! What a file comes to, and what the ledger says it came to.
use super::{AccountSum, Sum, What};
use crate::error::Error;
use crate::ids::BranchId;
use crate::money::{LARGEST_MINOR, Money};
use crate::payments::posting::account;
use crate::payments::wire::Method;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Sums by currency and way, and by account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    sums: BTreeMap<(String, What, Option<Method>), (u64, i64)>,
    accounts: BTreeMap<(String, String), i64>,
}

impl Tally {
    /// Adds a row. False, and nothing is added, when the rows would come to more than 2^53 - 1.
    pub fn add(&mut self, what: What, method: Option<Method>, amount: &Money) -> bool {
        if amount.minor == 0 {
            return true;
        }
        let sum = self.sums.entry((amount.currency.clone(), what, method)).or_default();
        if sum.1 > LARGEST_MINOR - amount.minor {
            return false;
        }
        *sum = (sum.0 + 1, sum.1 + amount.minor);
        let (debit, credit) = match what {
            What::Charges => (account::RECEIVABLE, account::REVENUE),
            What::Payments => (account::OPENING, account::RECEIVABLE),
            What::Refunds => (account::RECEIVABLE, account::OPENING),
        };
        self.moved(debit, credit, amount);
        true
    }

    /// A price that is lowered by what was given back.
    pub fn take_off(&mut self, amount: &Money) {
        self.moved(account::REVENUE, account::RECEIVABLE, amount);
    }

    fn moved(&mut self, debit: &str, credit: &str, amount: &Money) {
        for (account, minor) in [(debit, amount.minor), (credit, -amount.minor)] {
            *self.accounts.entry((account.to_owned(), amount.currency.clone())).or_default() += minor;
        }
        self.accounts.retain(|_, minor| *minor != 0);
    }

    /// What the ledger holds under these keys.
    pub async fn read_back(db: &mut PgConnection, keys: &[Uuid]) -> Result<Self, Error> {
        let mut tally = Self::default();
        let rows = sqlx::query!(
            r#"with posted as (select id from ledger_transactions where idempotency_key = any($1))
               select 'charges' as "what!", null as "method: Method", currency as "currency!", count(*) as "count!",
                   sum(amount)::bigint as "minor!"
               from charges where transaction_id in (select id from posted) group by currency
               union all
               select 'payments', method, currency, count(*), sum(amount)::bigint
               from payments where transaction_id in (select id from posted) group by method, currency
               union all
               select 'refunds', method, currency, count(*), sum(amount)::bigint
               from refunds where transaction_id in (select id from posted) group by method, currency"#,
            keys
        )
        .fetch_all(&mut *db)
        .await?;
        for row in rows {
            let what = match row.what.as_str() {
                "charges" => What::Charges,
                "payments" => What::Payments,
                _ => What::Refunds,
            };
            let count = u64::try_from(row.count).unwrap_or_default();
            tally.sums.insert((row.currency, what, row.method), (count, row.minor));
        }
        let rows = sqlx::query!(
            r#"select account, currency, sum(amount)::bigint as "minor!" from ledger_entries
               where transaction_id in (select id from ledger_transactions where idempotency_key = any($1))
               group by account, currency having sum(amount) <> 0"#,
            keys
        )
        .fetch_all(db)
        .await?;
        tally.accounts = rows.into_iter().map(|row| ((row.account, row.currency), row.minor)).collect();
        Ok(tally)
    }

    pub fn sums(&self) -> Vec<Sum> {
        self.sums
            .iter()
            .map(|((currency, what, method), (count, minor))| Sum {
                what: *what,
                method: *method,
                currency: currency.clone(),
                count: *count,
                minor: *minor,
            })
            .collect()
    }

    pub fn accounts(&self) -> Vec<AccountSum> {
        self.accounts
            .iter()
            .map(|((account, currency), minor)| AccountSum {
                account: account.clone(),
                currency: currency.clone(),
                minor: *minor,
            })
            .collect()
    }
}

/// Open debt and credit of everything imported at a branch, in minor units of a currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    pub owed: i64,
    pub credit: i64,
}

impl Open {
    pub async fn fetch(db: &mut PgConnection, branch: BranchId, currency: &str) -> Result<Self, Error> {
        let row = sqlx::query!(
            r#"select
                   (select coalesce(sum(o.owed), 0)::bigint from ledger_transactions t
                       join charges c on c.transaction_id = t.id join open_charges o on o.charge_id = c.id
                       where t.kind = 'import' and t.branch_id = $1 and o.currency = $2) as "owed!",
                   (select coalesce(sum(b.unallocated), 0)::bigint from ledger_transactions t
                       join payments p on p.transaction_id = t.id join payment_balances b on b.payment_id = p.id
                       where t.kind = 'import' and t.branch_id = $1 and b.currency = $2) as "credit!""#,
            branch.0,
            currency
        )
        .fetch_one(db)
        .await?;
        Ok(Self { owed: row.owed, credit: row.credit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_balances() {
        let mut tally = Tally::default();
        let egp = |minor| Money::new(minor, "EGP");
        assert!(tally.add(What::Charges, None, &egp(75_000)));
        assert!(tally.add(What::Charges, None, &egp(0)));
        assert!(tally.add(What::Payments, Some(Method::Cash), &egp(80_000)));
        assert!(tally.add(What::Refunds, Some(Method::Cash), &egp(6_000)));
        tally.take_off(&egp(1_000));
        let accounts: Vec<_> = tally.accounts().into_iter().map(|sum| (sum.account, sum.minor)).collect();
        // Nobody owes: 75,000 less 1,000 was due, 80,000 less 6,000 was paid.
        assert_eq!(accounts, [("opening".to_owned(), 74_000), ("revenue".to_owned(), -74_000)]);
        assert_eq!(
            tally.sums().iter().map(|sum| (sum.count, sum.minor)).collect::<Vec<_>>(),
            [(1, 75_000), (1, 80_000), (1, 6_000)]
        );
    }

    #[test]
    fn more_than_can_be_counted_is_not_added() {
        let mut tally = Tally::default();
        assert!(tally.add(What::Charges, None, &Money::new(LARGEST_MINOR, "EGP")));
        let before = tally.clone();
        assert!(!tally.add(What::Charges, None, &Money::new(1, "EGP")));
        assert_eq!(tally, before);
        assert!(tally.add(What::Charges, None, &Money::new(1, "USD")));
    }
}
