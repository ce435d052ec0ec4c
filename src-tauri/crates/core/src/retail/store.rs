//! Rows of products, prices and stock.
use crate::actor::Actor;
use crate::error::Error;
use crate::ids::{MovementId, PriceId, ProductId, TaxRateId, TransactionId};
use crate::money::Money;
use crate::payments::batch::Batch;
use crate::plans::model::price_on;
use crate::plans::store::{At, PriceRow};
use crate::plans::wire::PlanPrice;
use crate::retail::model::check_quantity;
use crate::retail::wire::{Product, ProductForm, StockKind, StockMovement, StockMovements};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

/// Movements on one page.
const PAGE: i64 = 100;

/// Which products are meant.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    These(&'a [ProductId]),
    /// On sale, or archived.
    All {
        archived: bool,
    },
    /// On sale, with one of these barcodes.
    Coded(&'a [String]),
}

/// Products with their prices and their stock at the branch, by name.
pub async fn fetch(db: &mut PgConnection, which: Which<'_>, at: At<'_>) -> Result<Vec<Product>, Error> {
    let ids: Option<Vec<Uuid>> = match which {
        Which::These(ids) => Some(ids.iter().map(|id| id.0).collect()),
        Which::All { .. } | Which::Coded(_) => None,
    };
    let archived = match which {
        Which::All { archived } => Some(archived),
        Which::Coded(_) => Some(false),
        Which::These(_) => None,
    };
    let codes: Option<&[String]> = match which {
        Which::Coded(codes) => Some(codes),
        Which::These(_) | Which::All { .. } => None,
    };
    let rows = sqlx::query!(
        r#"select p.id as "id: ProductId", p.name, p.native_name, p.category, p.tax_rate_id as "tax_rate: TaxRateId", p.low_stock_at,
               p.archived_at, t.name as "tax_name?", t.rate_bp as "tax_bp?",
               (select coalesce(array_agg(code order by code), '{}') from product_barcodes b where b.product_id = p.id)
                   as "barcodes!",
               (select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'branch_id', r.branch_id, 'from', lower(r.valid),
                       'until', upper(r.valid), 'amount', r.amount, 'currency', r.currency) order by lower(r.valid), r.branch_id), '[]')
                   from product_prices r where r.product_id = p.id) as "prices!: Json<Vec<PriceRow>>",
               (select coalesce(sum(quantity), 0) from stock_movements m where m.product_id = p.id and m.branch_id = $4) as "stock!"
           from products p left join tax_rates t on t.id = p.tax_rate_id
           where ($1::uuid[] is null or p.id = any($1)) and ($2::bool is null or (p.archived_at is not null) = $2)
             and ($3::text[] is null or exists (select from product_barcodes b where b.product_id = p.id and b.code = any($3)))
           order by lower(p.name), p.id"#,
        ids.as_deref(),
        archived,
        codes,
        at.branch.0
    )
    .fetch_all(db)
    .await?;
    let products = rows.into_iter().map(|row| {
        let prices: Vec<PlanPrice> = row.prices.0.into_iter().map(PlanPrice::from).collect();
        Product {
            id: row.id,
            price: price_on(&prices, at.branch, at.currency, at.today).map(|price| price.price.clone()),
            prices,
            tax_name: row.tax_name,
            tax_bp: row.tax_bp.unwrap_or(0),
            stock: row.stock,
            is_low: row.low_stock_at.is_some_and(|limit| row.stock <= i64::from(limit)),
            archived_at: row.archived_at,
            form: ProductForm {
                name: row.name,
                native_name: row.native_name,
                category: row.category,
                tax_rate_id: row.tax_rate,
                low_stock_at: row.low_stock_at,
                barcodes: row.barcodes,
            },
        }
    });
    Ok(products.collect())
}

/// One product.
pub async fn fetch_one(db: &mut PgConnection, id: ProductId, at: At<'_>) -> Result<Product, Error> {
    fetch(db, Which::These(&[id]), at).await?.pop().ok_or(Error::NotFound("product"))
}

/// The constraints as the field they speak of.
fn refused(error: sqlx::Error) -> Error {
    match Error::constraint(&error) {
        Some("products_name_key") => Error::invalid("name", "taken"),
        Some("products_tax_rate_fkey") => Error::invalid("tax_rate_id", "tax_rate_unknown"),
        Some("product_barcodes_pkey") => Error::invalid("barcodes", "taken"),
        Some("product_prices_no_overlap") => Error::conflict("price_overlaps"),
        _ => error.into(),
    }
}

/// False when a product with this id is there already.
pub async fn insert(
    db: &mut PgConnection,
    id: ProductId,
    form: &ProductForm,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "insert into products (id, name, native_name, category, tax_rate_id, low_stock_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict on constraint products_pkey do nothing",
        id.0,
        form.name,
        form.native_name,
        form.category,
        form.tax_rate_id.map(|id| id.0),
        form.low_stock_at,
        now
    )
    .execute(&mut *db)
    .await
    .map_err(refused)?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    replace_barcodes(db, id, &form.barcodes).await?;
    Ok(true)
}

/// Writes the whole form; what was sold stays as it was sold.
pub async fn update(db: &mut PgConnection, id: ProductId, form: &ProductForm) -> Result<(), Error> {
    sqlx::query!(
        "update products set name = $2, native_name = $3, category = $4, tax_rate_id = $5, low_stock_at = $6 where id = $1",
        id.0,
        form.name,
        form.native_name,
        form.category,
        form.tax_rate_id.map(|id| id.0),
        form.low_stock_at
    )
    .execute(&mut *db)
    .await
    .map_err(refused)?;
    replace_barcodes(db, id, &form.barcodes).await
}

async fn replace_barcodes(db: &mut PgConnection, id: ProductId, codes: &[String]) -> Result<(), Error> {
    sqlx::query!("delete from product_barcodes where product_id = $1 and code <> all($2)", id.0, codes)
        .execute(&mut *db)
        .await?;
    sqlx::query!(
        "insert into product_barcodes (code, product_id)
         select code, $1 from unnest($2::text[]) as code
         where not exists (select from product_barcodes b where b.code = code.code and b.product_id = $1)",
        id.0,
        codes
    )
    .execute(db)
    .await
    .map_err(refused)?;
    Ok(())
}

/// Holds the product until the transaction ends: two people do not change it, nor count it, at once.
pub async fn lock(db: &mut PgConnection, id: ProductId) -> Result<(), Error> {
    sqlx::query!("select id from products where id = $1 for update", id.0)
        .fetch_optional(db)
        .await?
        .map(|_| ())
        .ok_or(Error::NotFound("product"))
}

pub async fn set_archived(
    db: &mut PgConnection,
    id: ProductId,
    archived_at: Option<DateTime<Utc>>,
) -> Result<(), Error> {
    sqlx::query!("update products set archived_at = $2 where id = $1", id.0, archived_at)
        .execute(db)
        .await
        .map_err(refused)?;
    Ok(())
}

/// A price from a day on: the one that ran over that day ends the day before, one that began that very day is
/// replaced, and one already set for later stays and ends this one.
pub async fn set_price(
    db: &mut PgConnection,
    product: ProductId,
    branch: Option<Uuid>,
    from: NaiveDate,
    price: &Money,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let replaced = sqlx::query!(
        "update product_prices set amount = $4, currency = $5
         where product_id = $1 and branch_id is not distinct from $2 and lower(valid) = $3",
        product.0,
        branch,
        from,
        price.minor,
        price.currency
    )
    .execute(&mut *db)
    .await?;
    if replaced.rows_affected() > 0 {
        return Ok(());
    }
    sqlx::query!(
        "update product_prices set valid = daterange(lower(valid), $3)
         where product_id = $1 and branch_id is not distinct from $2 and valid @> $3::date",
        product.0,
        branch,
        from
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "insert into product_prices (id, product_id, branch_id, valid, amount, currency, created_at)
         values ($1, $2, $3,
             daterange($4, (select min(lower(later.valid)) from product_prices later
                 where later.product_id = $2 and later.branch_id is not distinct from $3 and lower(later.valid) > $4)),
             $5, $6, $7)",
        PriceId::new(now).0,
        product.0,
        branch,
        from,
        price.minor,
        price.currency,
        now
    )
    .execute(db)
    .await
    .map_err(refused)?;
    Ok(())
}

/// A change of stock outside a sale.
#[derive(Clone, Copy, Debug)]
pub struct NewMovement<'a> {
    pub product: ProductId,
    pub kind: StockKind,
    /// Above zero: more in stock.
    pub quantity: i32,
    pub note: Option<&'a str>,
    pub at: DateTime<Utc>,
    pub business_day: NaiveDate,
}

pub async fn insert_movement(
    db: &mut PgConnection,
    actor: &Actor,
    movement: NewMovement<'_>,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into stock_movements (id, branch_id, product_id, kind, quantity, note, at, business_day, account_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        MovementId::new(movement.at).0,
        actor.branch()?.0,
        movement.product.0,
        movement.kind as StockKind,
        movement.quantity,
        movement.note,
        movement.at,
        movement.business_day,
        actor.account().map(|id| id.0)
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Adds to a batch what a sale takes from the shelf.
///
/// # Errors
/// [`Error::Invalid`] for a quantity that nobody sells.
pub fn take(
    batch: &mut Batch,
    actor: &Actor,
    transaction: TransactionId,
    lines: impl Iterator<Item = (ProductId, i32)>,
    business_day: NaiveDate,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    for (product, quantity) in lines {
        check_quantity(quantity)?;
        batch.add(
            "stock_movements",
            json!({
                "id": MovementId::new(now), "branch_id": actor.branch()?, "product_id": product, "kind": "sale",
                "quantity": -quantity, "transaction_id": transaction, "at": now, "business_day": business_day,
                "account_id": actor.account(),
            }),
        );
    }
    Ok(())
}

/// Puts back what a sale took, within the transaction that voids it.
pub async fn unsold(
    db: &mut PgConnection,
    actor: &Actor,
    sale: TransactionId,
    void: TransactionId,
    business_day: NaiveDate,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let taken = sqlx::query!(
        "select product_id, quantity from stock_movements where transaction_id = $1 and kind = 'sale' order by id",
        sale.0
    )
    .fetch_all(&mut *db)
    .await?;
    if taken.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = taken.iter().map(|_| MovementId::new(now).0).collect();
    let products: Vec<Uuid> = taken.iter().map(|row| row.product_id).collect();
    let quantities: Vec<i32> = taken.iter().map(|row| -row.quantity).collect();
    sqlx::query!(
        "insert into stock_movements (id, branch_id, product_id, kind, quantity, transaction_id, at, business_day, account_id)
         select id, $1, product, 'return', quantity, $2, $3, $4, $5
         from unnest($6::uuid[], $7::uuid[], $8::int[]) as line (id, product, quantity)",
        actor.branch()?.0,
        void.0,
        now,
        business_day,
        actor.account().map(|id| id.0),
        &ids,
        &products,
        &quantities
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What happened to a product's stock at the actor's branch.
pub async fn movements(
    db: &mut PgConnection,
    actor: &Actor,
    product: ProductId,
    offset: i64,
) -> Result<StockMovements, Error> {
    let branch = actor.branch()?.0;
    let rows = sqlx::query_as!(
        StockMovement,
        r#"select m.at, m.kind as "kind: StockKind", m.quantity, a.full_name as "by?", m.note,
               m.transaction_id as "transaction_id: TransactionId"
           from stock_movements m left join accounts a on a.id = m.account_id
           where m.product_id = $1 and m.branch_id = $2
           order by m.at desc, m.id desc limit $3 offset $4"#,
        product.0,
        branch,
        PAGE,
        offset
    )
    .fetch_all(&mut *db)
    .await?;
    let total = sqlx::query_scalar!(
        r#"select count(*) as "count!" from stock_movements where product_id = $1 and branch_id = $2"#,
        product.0,
        branch
    )
    .fetch_one(db)
    .await?;
    Ok(StockMovements { rows, total })
}

/// Takes a price back that begins after today: the one that ends where it begins goes on to where it ended.
///
/// # Errors
/// [`Error::Conflict`] `price_begun` for one that holds today or held before; [`Error::NotFound`] for one that is not
/// the product's, or another branch's own.
pub async fn withdraw_price(
    db: &mut PgConnection,
    product: ProductId,
    price: PriceId,
    at: At<'_>,
) -> Result<(), Error> {
    let row = sqlx::query!(
        r#"select branch_id, lower(valid) as "from!", upper(valid) as until from product_prices
           where id = $1 and product_id = $2 and (branch_id is null or branch_id = $3)"#,
        price.0,
        product.0,
        at.branch.0
    )
    .fetch_optional(&mut *db)
    .await?
    .ok_or(Error::NotFound("price"))?;
    if row.from <= at.today {
        return Err(Error::conflict("price_begun"));
    }
    sqlx::query!("delete from product_prices where id = $1", price.0).execute(&mut *db).await?;
    sqlx::query!(
        "update product_prices set valid = daterange(lower(valid), $4)
         where product_id = $1 and branch_id is not distinct from $2 and upper(valid) = $3",
        product.0,
        row.branch_id,
        row.from,
        row.until
    )
    .execute(db)
    .await?;
    Ok(())
}
