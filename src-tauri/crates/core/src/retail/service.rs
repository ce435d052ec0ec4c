//! Products, their prices and their stock.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::ProductId;
use crate::members::form::line;
use crate::money::Money;
use crate::payments::idempotency::{self, Key};
use crate::plans::service::{Here, check_price_day};
use crate::retail::model::{self, spellings, stock_change};
use crate::retail::store::{self, NewMovement, Which};
use crate::retail::wire::{
    ChooseProduct, CreateProduct, FindProduct, ListProducts, ListStockMovements, MoveStock, Product,
    Products, SetProductPrice, StockMoved, StockMovements, UpdateProduct, WithdrawProductPrice,
};
use crate::services::Services;
use sqlx::PgConnection;

const NOTE_LENGTH: usize = 500;

/// Whoever sells, stocks or prices products sees them.
fn may_look(actor: &Actor) -> Result<(), Error> {
    let any = [Permission::EditProducts, Permission::MoveStock, Permission::SeeMoney];
    if any.iter().any(|permission| actor.require(*permission).is_ok()) {
        return Ok(());
    }
    actor.require(Permission::Sell)
}

/// Products on sale, those that are short, or those that were archived; by name.
pub async fn list(services: &Services, actor: &Actor, request: ListProducts) -> Result<Products, Error> {
    may_look(actor)?;
    let mut db = services.db.acquire().await?;
    let here = Here::find(&mut db, services, actor).await?;
    let mut rows = store::fetch(&mut db, Which::All { archived: request.archived }, here.at()).await?;
    rows.retain(|product| product.is_low || !request.low_stock);
    Ok(Products { rows })
}

/// The product that carries a barcode.
///
/// # Errors
/// [`Error::NotFound`] where no product on sale has it.
pub async fn by_code(services: &Services, actor: &Actor, request: FindProduct) -> Result<Product, Error> {
    may_look(actor)?;
    let code = model::barcode("code", &request.code)?.ok_or(Error::invalid("code", "required"))?;
    let mut db = services.db.acquire().await?;
    let here = Here::find(&mut db, services, actor).await?;
    let found = store::fetch(&mut db, Which::Coded(&spellings(&code)), here.at()).await?;
    // Both spellings may be taken, by two products: what was read counts first.
    let exact = found.iter().position(|product| product.form.barcodes.contains(&code));
    found.into_iter().nth(exact.unwrap_or(0)).ok_or(Error::NotFound("product"))
}

/// A product with its price from today on, for every branch. A retry with the same id creates nothing again.
pub async fn create(services: &Services, actor: &Actor, request: CreateProduct) -> Result<Product, Error> {
    actor.require(Permission::EditProducts)?;
    let form = model::check(request.form)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let here = Here::find(&mut tx, services, actor).await?;
    let price = Money::new(request.price_minor, &here.currency);
    price.require_price("price_minor")?;
    if store::insert(&mut tx, request.id, &form, now).await? {
        store::set_price(&mut tx, request.id, None, here.today, &price, now).await?;
        audited(&mut tx, services, actor, "product.created", None, request.id, &here).await?;
    }
    let product = store::fetch_one(&mut tx, request.id, here.at()).await?;
    tx.commit().await?;
    Ok(product)
}

/// Edits a product; what was sold stays as it was sold.
pub async fn update(services: &Services, actor: &Actor, request: UpdateProduct) -> Result<Product, Error> {
    actor.require(Permission::EditProducts)?;
    let form = model::check(request.form)?;
    let mut tx = services.db.begin().await?;
    let here = Here::find(&mut tx, services, actor).await?;
    store::lock(&mut tx, request.id).await?;
    let before = store::fetch_one(&mut tx, request.id, here.at()).await?;
    store::update(&mut tx, request.id, &form).await?;
    let product =
        audited(&mut tx, services, actor, "product.updated", Some(before), request.id, &here).await?;
    tx.commit().await?;
    Ok(product)
}

/// A new price from a day on, today at the earliest: prices of days gone by are history.
pub async fn set_price(
    services: &Services,
    actor: &Actor,
    request: SetProductPrice,
) -> Result<Product, Error> {
    actor.require(Permission::EditProducts)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let here = Here::find(&mut tx, services, actor).await?;
    let price = Money::new(request.price_minor, &here.currency);
    price.require_price("price_minor")?;
    check_price_day(request.from, here.today)?;
    store::lock(&mut tx, request.product_id).await?;
    let before = store::fetch_one(&mut tx, request.product_id, here.at()).await?;
    let branch = request.only_this_branch.then_some(here.branch.0);
    store::set_price(&mut tx, request.product_id, branch, request.from, &price, now).await?;
    let product =
        audited(&mut tx, services, actor, "product.price_set", Some(before), request.product_id, &here)
            .await?;
    tx.commit().await?;
    Ok(product)
}

/// Takes a planned price back before it begins.
///
/// # Errors
/// [`Error::Conflict`] `price_begun`: that one is history and can only be followed by another.
pub async fn withdraw_price(
    services: &Services,
    actor: &Actor,
    request: WithdrawProductPrice,
) -> Result<Product, Error> {
    actor.require(Permission::EditProducts)?;
    let mut tx = services.db.begin().await?;
    let here = Here::find(&mut tx, services, actor).await?;
    store::lock(&mut tx, request.product_id).await?;
    let before = store::fetch_one(&mut tx, request.product_id, here.at()).await?;
    store::withdraw_price(&mut tx, request.product_id, request.price_id, here.at()).await?;
    let act = "product.price_withdrawn";
    let product = audited(&mut tx, services, actor, act, Some(before), request.product_id, &here).await?;
    tx.commit().await?;
    Ok(product)
}

/// Takes a product off the list; its barcodes stay its own.
pub async fn archive(services: &Services, actor: &Actor, request: ChooseProduct) -> Result<Product, Error> {
    set_archived(services, actor, request.product_id, true).await
}

/// Puts an archived product back on the list, unless its name was given to another meanwhile.
pub async fn restore(services: &Services, actor: &Actor, request: ChooseProduct) -> Result<Product, Error> {
    set_archived(services, actor, request.product_id, false).await
}

async fn set_archived(
    services: &Services,
    actor: &Actor,
    id: ProductId,
    archived: bool,
) -> Result<Product, Error> {
    actor.require(Permission::EditProducts)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let here = Here::find(&mut tx, services, actor).await?;
    store::lock(&mut tx, id).await?;
    let before = store::fetch_one(&mut tx, id, here.at()).await?;
    if before.archived_at.is_some() == archived {
        return Ok(before);
    }
    store::set_archived(&mut tx, id, archived.then_some(now)).await?;
    let act = if archived { "product.archived" } else { "product.restored" };
    let product = audited(&mut tx, services, actor, act, Some(before), id, &here).await?;
    tx.commit().await?;
    Ok(product)
}

/// A delivery, a return, waste, or a count at this branch; once per key.
///
/// # Errors
/// [`Error::Invalid`] as of [`stock_change`].
pub async fn move_stock(services: &Services, actor: &Actor, request: MoveStock) -> Result<StockMoved, Error> {
    actor.require(Permission::MoveStock)?;
    let key = Key::of(request.idempotency_key, "stock_move", &request)?;
    let note = request.note.as_deref().map_or(Ok(None), |typed| line("note", typed, NOTE_LENGTH))?;
    let now = services.now();
    let write = async || {
        let mut tx = services.db.begin().await?;
        let here = Here::find(&mut tx, services, actor).await?;
        // A sale meanwhile does not wait for the count, and is counted or not as it would be on the shelf.
        store::lock(&mut tx, request.product_id).await?;
        let product = store::fetch_one(&mut tx, request.product_id, here.at()).await?;
        let quantity = stock_change(request.kind, request.quantity, product.stock)?;
        let moved = StockMoved {
            product_id: product.id,
            change: i64::from(quantity),
            stock: product.stock + i64::from(quantity),
        };
        idempotency::remember(&mut tx, &key, &moved, now).await?;
        if quantity != 0 {
            let movement = NewMovement {
                product: product.id,
                kind: request.kind,
                quantity,
                note: note.as_deref(),
                at: now,
                business_day: here.today,
            };
            store::insert_movement(&mut tx, actor, movement).await?;
        }
        let change = Change {
            act: "stock.moved",
            subject_kind: "product",
            subject: Some(product.id.0),
            before: Some(serde_json::json!({ "stock": product.stock })),
            after: Some(serde_json::json!({ "stock": moved.stock, "kind": request.kind, "note": note })),
        };
        audit::record(&mut tx, actor, now, change).await?;
        tx.commit().await?;
        Ok(moved)
    };
    let written = write().await;
    idempotency::or_first(services, &key, written).await
}

/// What happened to a product's stock at this branch, newest first.
pub async fn movements(
    services: &Services,
    actor: &Actor,
    request: ListStockMovements,
) -> Result<StockMovements, Error> {
    may_look(actor)?;
    let mut db = services.db.acquire().await?;
    store::movements(&mut db, actor, request.product_id, request.offset.max(0)).await
}

/// Records the change and returns the product after it.
async fn audited(
    db: &mut PgConnection,
    services: &Services,
    actor: &Actor,
    act: &str,
    before: Option<Product>,
    id: ProductId,
    here: &Here,
) -> Result<Product, Error> {
    let product = store::fetch_one(db, id, here.at()).await?;
    let change = Change {
        act,
        subject_kind: "product",
        subject: Some(id.0),
        before: before.map(|product| serde_json::json!(product)),
        after: Some(serde_json::json!(product)),
    };
    audit::record(db, actor, services.now(), change).await?;
    Ok(product)
}
