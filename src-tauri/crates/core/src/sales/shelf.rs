//! What a sale needs that only the settings change, kept in memory from one sale to the next: the place with its till and
//! what its receipts say, and the plans with their prices.
//!
//! With everything that the counter asks, the database says which version of the settings it answers from; a change of any
//! of their tables makes a new one in its own transaction, whoever makes it (`settings_version` of the migrations). What was
//! read at another version is forgotten.
use crate::day::BranchCalendar;
use crate::error::Error;
use crate::ids::{BranchId, DeskId, PlanId, TillId};
use crate::sales::store::Paper;
use crate::subscriptions::store::{PlanOnOffer, offered_at};
use sqlx::PgConnection;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// Shared by the clones of one [`Services`](crate::services::Services).
#[derive(Clone, Debug, Default)]
pub struct Shelf(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    /// What all of it was read at.
    version: Uuid,
    places: HashMap<(BranchId, Option<DeskId>), Arc<Place>>,
    plans: HashMap<PlanId, Arc<KeptPlan>>,
}

/// A till, where it stands, and what is printed there.
#[derive(Clone, Debug)]
pub struct Place {
    pub version: Uuid,
    pub till: TillId,
    pub calendar: BranchCalendar,
    /// ISO 4217.
    pub currency: String,
    pub prices_include_tax: bool,
    /// Minor units that cash is rounded to.
    pub cash_rounding: i64,
    /// Without who sells and who buys.
    pub paper: Paper,
}

/// A plan on offer, and the version of the settings that it is of.
#[derive(Debug)]
pub struct KeptPlan {
    pub version: Uuid,
    pub plan: PlanOnOffer,
}

impl Shelf {
    /// The till of a desk, or the branch's first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a branch that is not there or has no till.
    pub async fn place(
        &self,
        db: &mut PgConnection,
        branch: BranchId,
        desk: Option<DeskId>,
    ) -> Result<Arc<Place>, Error> {
        if let Some(kept) = self.kept().places.get(&(branch, desk)) {
            return Ok(kept.clone());
        }
        let place = Arc::new(place(db, branch, desk).await?);
        self.at(place.version).places.insert((branch, desk), place.clone());
        Ok(place)
    }

    /// A plan with its prices; none that is not there.
    pub async fn plan(&self, db: &mut PgConnection, id: PlanId) -> Result<Option<Arc<KeptPlan>>, Error> {
        if let Some(kept) = self.kept().plans.get(&id) {
            return Ok(Some(kept.clone()));
        }
        let (version, plan) = offered_at(db, id).await?;
        let Some(plan) = plan else { return Ok(None) };
        let plan = Arc::new(KeptPlan { version, plan });
        self.at(version).plans.insert(id, plan.clone());
        Ok(Some(plan))
    }

    /// Forgets what is not of this version.
    pub fn clear(&self, version: Uuid) {
        drop(self.at(version));
    }

    fn at(&self, version: Uuid) -> MutexGuard<'_, Kept> {
        let mut kept = self.kept();
        if kept.version != version {
            *kept = Kept { version, ..Kept::default() };
        }
        kept
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn place(db: &mut PgConnection, branch: BranchId, desk: Option<DeskId>) -> Result<Place, Error> {
    let row = sqlx::query!(
        r#"select (select version from settings_version) as "version!", b.time_zone, b.day_starts_at, b.currency,
               b.prices_include_tax, b.cash_rounding_minor, b.name as branch_name, b.code, b.address, b.tax_number,
               b.receipt_footer, g.name as gym_name, t.id as "till: TillId", t.number as till_number, t.name as till_name
           from branches b
           join gyms g on g.id = b.gym_id
           left join desks d on d.id = $2 and d.branch_id = b.id
           join tills t on t.id = coalesce(d.till_id, (select id from tills where branch_id = b.id order by number limit 1))
           where b.id = $1"#,
        branch.0,
        desk.map(|id| id.0)
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound("branch"))?;
    let calendar = BranchCalendar::stored(&row.time_zone, row.day_starts_at)?;
    let paper = Paper {
        gym: row.gym_name,
        branch: row.branch_name,
        branch_code: row.code,
        address: row.address,
        tax_number: row.tax_number,
        footer: row.receipt_footer,
        till_number: row.till_number,
        till_name: row.till_name,
        time_zone: calendar.zone,
        staff: None,
        member_name: None,
        member_native_name: None,
        member_number: None,
        language: "en".to_owned(),
    };
    Ok(Place {
        version: row.version,
        till: row.till,
        calendar,
        currency: row.currency,
        prices_include_tax: row.prices_include_tax,
        cash_rounding: i64::from(row.cash_rounding_minor),
        paper,
    })
}
