//! A gym with one branch and its desks, row by row: for runs that fill it by themselves.
use chrono::{DateTime, Utc};
use gatehouse_core::ids::{BranchId, DeskId, GymId, PlanId, PriceId, TaxRateId};
use sqlx::PgConnection;

/// A gym in Cairo that sells in Egyptian pounds.
#[derive(Clone, Debug)]
pub struct House {
    pub branch: BranchId,
    /// Each with a till of its own.
    pub desks: Vec<DeskId>,
}

impl House {
    /// Gym and branch of that name, with desks called `0`, `1` and so on.
    pub async fn build(
        db: &mut PgConnection,
        name: &str,
        desks: usize,
        now: DateTime<Utc>,
    ) -> Result<Self, sqlx::Error> {
        let (gym, branch) = (GymId::new(now), BranchId::new(now));
        sqlx::query("insert into gyms (id, name, default_country, created_at) values ($1, $2, 'EG', $3)")
            .bind(gym)
            .bind(name)
            .bind(now)
            .execute(&mut *db)
            .await?;
        sqlx::query(
            "insert into branches (id, gym_id, code, name, time_zone, currency, created_at)
             values ($1, $2, '1', $3, 'Africa/Cairo', 'EGP', $4)",
        )
        .bind(branch)
        .bind(gym)
        .bind(name)
        .bind(now)
        .execute(&mut *db)
        .await?;
        let mut house = Self { branch, desks: Vec::with_capacity(desks) };
        for number in 0..desks {
            let desk = DeskId::new(now);
            sqlx::query("insert into desks (id, branch_id, name, created_at) values ($1, $2, $3, $4)")
                .bind(desk)
                .bind(branch)
                .bind(format!("{number}"))
                .bind(now)
                .execute(&mut *db)
                .await?;
            house.desks.push(desk);
        }
        Ok(house)
    }

    /// Puts a plan for 90 days on sale at every branch, now and before.
    pub async fn offer(
        &self,
        db: &mut PgConnection,
        offer: Offer<'_>,
        now: DateTime<Utc>,
    ) -> Result<PlanId, sqlx::Error> {
        let (plan, tax) = (PlanId::new(now), TaxRateId::new(now));
        if offer.tax_bp > 0 {
            sqlx::query("insert into tax_rates (id, name, rate_bp, created_at) values ($1, $2, $3, $4)")
                .bind(tax)
                .bind(format!("Tax on {}", offer.name))
                .bind(offer.tax_bp)
                .bind(now)
                .execute(&mut *db)
                .await?;
        }
        sqlx::query(
            "insert into plans (id, name, kind, duration_unit, duration_count, visits, tax_rate_id, created_at)
             values ($1, $2, $3, 'days', 90, $4, $5, $6)",
        )
        .bind(plan)
        .bind(offer.name)
        .bind(if offer.visits.is_some() { "visit_pack" } else { "gym" })
        .bind(offer.visits)
        .bind((offer.tax_bp > 0).then_some(tax))
        .bind(now)
        .execute(&mut *db)
        .await?;
        sqlx::query(
            "insert into plan_prices (id, plan_id, valid, amount, currency, created_at)
             values ($1, $2, daterange($3::date - 3000, null), $4, 'EGP', $5)",
        )
        .bind(PriceId::new(now))
        .bind(plan)
        .bind(now.date_naive())
        .bind(offer.minor)
        .bind(now)
        .execute(&mut *db)
        .await?;
        Ok(plan)
    }
}

/// A plan with its price.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    pub name: &'a str,
    /// Of a pack; none for as many as they like.
    pub visits: Option<i32>,
    /// In piastres, tax included.
    pub minor: i64,
    /// Hundredths of a per cent.
    pub tax_bp: i32,
}
