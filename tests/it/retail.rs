//! Products, their barcodes and prices, tax rates, and the stock of each branch.
use chrono::{NaiveDate, TimeDelta};
use gatehouse_core::auth::model::{Permission, Role};
use gatehouse_core::clock::Clock;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{ProductId, TaxRateId, new_id};
use gatehouse_core::money::{LARGEST_MINOR, Money};
use gatehouse_core::retail::service::{
    archive, by_code, create, list, move_stock, movements, restore, set_price, update, withdraw_price,
};
use gatehouse_core::retail::wire::{
    ChooseProduct, CreateProduct, FindProduct, ListProducts, ListStockMovements, MoveStock, Product,
    ProductForm, SetProductPrice, StockKind, StockMoved, UpdateProduct, WithdrawProductPrice,
};
use gatehouse_core::sales::service::{sale_preview, sell};
use gatehouse_core::sales::void::void_sale;
use gatehouse_core::sales::wire::{Basket, Line, Sale, VoidSale};
use gatehouse_core::taxes::service as taxes;
use gatehouse_core::taxes::wire::{ChooseTaxRate, CreateTaxRate, ListTaxRates, TaxRate};
use gatehouse_testkit::{GymSetup, TestGym, without};
use sqlx::Executor as _;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn code(error: Error) -> String {
    error.to_wire().code
}

fn field(error: Error) -> (String, String) {
    let wire = error.to_wire();
    (wire.field.unwrap_or_default(), wire.code)
}

fn form(name: &str) -> ProductForm {
    ProductForm {
        name: name.to_owned(),
        native_name: None,
        category: Some("Drinks".to_owned()),
        tax_rate_id: None,
        low_stock_at: None,
        barcodes: Vec::new(),
    }
}

async fn made(gym: &TestGym, form: ProductForm, price_minor: i64) -> Result<Product, Error> {
    let request = CreateProduct { id: ProductId(new_id(gym.clock.now())), form, price_minor };
    create(&gym.services, &gym.owner, request).await
}

async fn shake(gym: &TestGym) -> ProductId {
    made(gym, form("Shake"), 4_500).await.expect("a product").id
}

async fn moved(
    gym: &TestGym,
    product_id: ProductId,
    kind: StockKind,
    quantity: i32,
) -> Result<StockMoved, Error> {
    let idempotency_key = new_id(gym.clock.now());
    gym.clock.advance(TimeDelta::seconds(1));
    let request = MoveStock { idempotency_key, product_id, kind, quantity, note: None };
    move_stock(&gym.services, &gym.manager, request).await
}

async fn on_sale(gym: &TestGym) -> Vec<Product> {
    list(&gym.services, &gym.reception, ListProducts::default()).await.expect("products").rows
}

async fn stock(gym: &TestGym, product: ProductId) -> i64 {
    on_sale(gym).await.into_iter().find(|row| row.id == product).expect("the product").stock
}

fn of(product_id: ProductId, quantity: i32) -> Basket {
    Basket { member_id: None, lines: vec![Line::Product { product_id, quantity }] }
}

async fn sold(gym: &TestGym, basket: Basket) -> Sale {
    let request = gym.sale_of(basket).await;
    sell(&gym.services, &gym.reception, request).await.expect("a sale")
}

async fn rate(gym: &TestGym, name: &str, rate_bp: i32) -> Result<TaxRate, Error> {
    let request = CreateTaxRate { id: TaxRateId(new_id(gym.clock.now())), name: name.to_owned(), rate_bp };
    taxes::create(&gym.services, &gym.owner, request).await
}

#[tokio::test]
async fn a_product_is_created_once_with_its_price_from_today() {
    let gym = TestGym::new().await;
    let id = ProductId(new_id(gym.clock.now()));
    let request = || CreateProduct { id, form: form(" Shake "), price_minor: 4_500 };
    let product = create(&gym.services, &gym.owner, request()).await.expect("a product");
    assert_eq!(
        (product.form.name.as_str(), product.price, product.stock),
        ("Shake", Some(gym.money(4_500)), 0)
    );
    create(&gym.services, &gym.owner, request()).await.expect("a retry");
    assert_eq!(gym.count("select count(*) from products").await, 1);
    assert_eq!(gym.count("select count(*) from product_prices").await, 1);
    assert_eq!(gym.count("select count(*) from audit_log where act = 'product.created'").await, 1);
}

#[tokio::test]
async fn a_product_that_cannot_be_is_refused_with_the_field_and_stores_nothing() {
    let gym = TestGym::new().await;
    let coded = ProductForm { barcodes: vec!["5449000000996".into()], ..form("Shake") };
    made(&gym, coded.clone(), 4_500).await.expect("a product");
    let nowhere = Some(TaxRateId(new_id(gym.clock.now())));
    for (form, minor, expected) in [
        (form("SHAKE"), 1, ("name", "taken")),
        (form(""), 1, ("name", "required")),
        (form("Bar"), -1, ("price_minor", "amount_negative")),
        (form("Bar"), LARGEST_MINOR + 1, ("price_minor", "amount_too_large")),
        (ProductForm { name: "Bar".into(), ..coded }, 1, ("barcodes", "taken")),
        (ProductForm { tax_rate_id: nowhere, ..form("Bar") }, 1, ("tax_rate_id", "tax_rate_unknown")),
    ] {
        let error = made(&gym, form, minor).await.expect_err(expected.1);
        assert_eq!(field(error), (expected.0.to_owned(), expected.1.to_owned()));
    }
    assert_eq!(gym.count("select count(*) from products").await, 1);
    assert_eq!(gym.count("select count(*) from product_barcodes").await, 1);
}

#[tokio::test]
async fn a_product_is_found_by_each_of_its_barcodes() {
    let gym = TestGym::new().await;
    let barcodes = vec!["036000291452".to_owned(), "A-17".to_owned()];
    let shake = made(&gym, ProductForm { barcodes, ..form("Shake") }, 4_500).await.expect("a product");
    let find = async |code: &str| {
        by_code(&gym.services, &gym.reception, FindProduct { code: code.to_owned() }).await
    };
    for code in ["036000291452", " A-17 ", "0036000291452"] {
        assert_eq!(find(code).await.expect(code).id, shake.id);
    }
    assert_eq!(code(find("5449000000996").await.expect_err("nothing has it")), "not_found");
    assert_eq!(field(find("a\0b").await.expect_err("no code")).1, "control_characters");
    assert_eq!(field(find(" ").await.expect_err("no code")).1, "required");

    // One code goes, another comes.
    let form = ProductForm { barcodes: vec!["A-17".into(), "A-18".into()], ..form("Shake") };
    update(&gym.services, &gym.owner, UpdateProduct { id: shake.id, form }).await.expect("edited");
    assert!(find("A-18").await.is_ok());
    assert_eq!(code(find("036000291452").await.expect_err("taken off")), "not_found");
    archive(&gym.services, &gym.owner, ChooseProduct { product_id: shake.id }).await.expect("archived");
    assert_eq!(code(find("A-17").await.expect_err("archived")), "not_found");
}

#[tokio::test]
async fn a_new_price_ends_the_running_one_the_day_before() {
    let gym = TestGym::new().await;
    let product_id = shake(&gym).await;
    let price = async |from: &str, price_minor, only_this_branch| {
        let request = SetProductPrice { product_id, from: day(from), price_minor, only_this_branch };
        set_price(&gym.services, &gym.owner, request).await
    };
    price("2026-05-01", 6_000, false).await.expect("a price");
    let product = price("2026-04-01", 5_000, false).await.expect("a price");
    let spans: Vec<_> = product
        .prices
        .iter()
        .map(|price| (price.from.to_string(), price.until.map(|day| day.to_string()), price.price.minor))
        .collect();
    assert_eq!(
        spans,
        [
            ("2026-03-11".into(), Some("2026-04-01".into()), 4_500),
            ("2026-04-01".into(), Some("2026-05-01".into()), 5_000),
            ("2026-05-01".into(), None, 6_000),
        ]
    );
    for (now, minor) in
        [("2026-03-31T20:00:00Z", 4_500), ("2026-04-01T10:00:00Z", 5_000), ("2026-05-01T10:00:00Z", 6_000)]
    {
        gym.clock.set(now);
        assert_eq!(on_sale(&gym).await[0].price, Some(gym.money(minor)), "{now}");
    }
    let error = price("2026-04-30", 1, false).await.expect_err("history");
    assert_eq!(field(error), ("from".to_owned(), "in_past".to_owned()));
    // What runs is history; what is planned can be withdrawn, and the one before goes on.
    let withdraw = async |price_id| {
        let request = WithdrawProductPrice { product_id, price_id };
        withdraw_price(&gym.services, &gym.owner, request).await
    };
    let planned = price("2026-06-01", 6_500, false).await.expect("a price").prices;
    let error = withdraw(planned[2].id).await.expect_err("it runs");
    assert_eq!(code(error), "price_begun");
    let after = withdraw(planned[3].id).await.expect("withdrawn").prices;
    assert_eq!((after.len(), after[2].until), (3, None));
    price("2026-05-01", 7_000, true).await.expect("a price of its own");
    assert_eq!(on_sale(&gym).await[0].price, Some(gym.money(7_000)));
    let twice = "insert into product_prices (id, product_id, branch_id, valid, amount, currency, created_at)
        select gen_random_uuid(), product_id, branch_id, valid, 1, currency, created_at from product_prices limit 1";
    let error = gym.db.owner.execute(twice).await.expect_err("two prices");
    assert_eq!(Error::constraint(&error), Some("product_prices_no_overlap"));
}

#[tokio::test]
async fn stock_is_what_came_less_what_went_at_each_branch() {
    let gym = TestGym::new().await;
    let product = shake(&gym).await;
    let key = new_id(gym.clock.now());
    let delivery = MoveStock {
        idempotency_key: key,
        product_id: product,
        kind: StockKind::Delivery,
        quantity: 24,
        note: Some(" invoice 17 ".into()),
    };
    let first = move_stock(&gym.services, &gym.manager, delivery.clone()).await.expect("a delivery");
    assert_eq!((first.change, first.stock), (24, 24));
    assert_eq!(move_stock(&gym.services, &gym.manager, delivery.clone()).await.expect("a retry"), first);
    let other = MoveStock { quantity: 48, ..delivery };
    assert_eq!(
        code(move_stock(&gym.services, &gym.manager, other).await.expect_err("another, the same key")),
        "idempotency_key_reused"
    );
    assert_eq!(moved(&gym, product, StockKind::Waste, 2).await.expect("waste").stock, 22);
    assert_eq!(moved(&gym, product, StockKind::Return, 1).await.expect("a return").stock, 23);
    let counted = moved(&gym, product, StockKind::Count, 20).await.expect("a count");
    assert_eq!((counted.change, counted.stock), (-3, 20));
    let same = moved(&gym, product, StockKind::Count, 20).await.expect("a count");
    assert_eq!((same.change, same.stock), (0, 20));

    for (kind, quantity, expected) in [
        (StockKind::Delivery, 0, ("quantity", "quantity_not_positive")),
        (StockKind::Delivery, -24, ("quantity", "quantity_not_positive")),
        (StockKind::Waste, i32::MIN, ("quantity", "quantity_not_positive")),
        (StockKind::Return, 100_001, ("quantity", "out_of_range")),
        (StockKind::Count, -1, ("quantity", "out_of_range")),
        (StockKind::Sale, 1, ("kind", "only_at_counter")),
    ] {
        let error = moved(&gym, product, kind, quantity).await.expect_err(expected.1);
        assert_eq!(field(error), (expected.0.to_owned(), expected.1.to_owned()));
    }
    let request = ListStockMovements { product_id: product, offset: 0 };
    let history = movements(&gym.services, &gym.manager, request).await.expect("movements");
    assert_eq!(history.total, 4);
    assert_eq!(history.rows.iter().map(|row| row.quantity).collect::<Vec<_>>(), [-3, 1, -2, 24]);
    assert_eq!(history.rows[3].note.as_deref(), Some("invoice 17"));
    assert_eq!(history.rows[3].by.as_deref(), Some("manager of the house"));

    let elsewhere = gym.at_branch(&gym.manager, gym.second_branch("2").await).await;
    let there = list(&gym.services, &elsewhere, ListProducts::default()).await.expect("products");
    assert_eq!(there.rows[0].stock, 0);
}

#[tokio::test]
async fn counts_and_deliveries_at_once_do_not_get_in_each_others_way() {
    let gym = TestGym::new().await;
    let product = shake(&gym).await;
    moved(&gym, product, StockKind::Delivery, 10).await.expect("a delivery");
    let (one, other, third) = tokio::join!(
        moved(&gym, product, StockKind::Count, 7),
        moved(&gym, product, StockKind::Count, 7),
        moved(&gym, product, StockKind::Count, 7),
    );
    for count in [one, other, third] {
        assert_eq!(count.expect("a count").stock, 7);
    }
    assert_eq!(stock(&gym, product).await, 7);
}

#[tokio::test]
async fn a_shake_and_a_membership_go_on_one_receipt() {
    let gym = TestGym::new().await;
    let vat = rate(&gym, "VAT", 1_400).await.expect("a rate");
    let taxed = ProductForm { tax_rate_id: Some(vat.id), low_stock_at: Some(20), ..form("Shake") };
    let product = made(&gym, taxed, 5_700).await.expect("a product");
    assert_eq!((product.tax_name.as_deref(), product.tax_bp), (Some("VAT"), 1_400));
    moved(&gym, product.id, StockKind::Delivery, 24).await.expect("a delivery");
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let basket = Basket {
        member_id: Some(member),
        lines: vec![
            Line::New { plan_id: plan, starts_on: None },
            Line::Product { product_id: product.id, quantity: 2 },
        ],
    };
    let preview = sale_preview(&gym.services, &gym.reception, basket.clone()).await.expect("a preview");
    // 114.00 with 14 % in it.
    assert_eq!((preview.total, preview.tax), (gym.money(86_400), gym.money(1_400)));
    assert!(preview.warnings.is_empty() && preview.short.is_empty());
    assert_eq!((preview.lines[1].quantity, preview.lines[1].unit.minor), (2, 5_700));
    let sale = sold(&gym, basket).await;
    assert_eq!((sale.total, sale.subscriptions.len()), (gym.money(86_400), 1));
    assert_eq!(stock(&gym, product.id).await, 22);
    assert_eq!(gym.count("select count(*) from receipts").await, 1);
    assert_eq!(
        gym.count("select count(*) from charges where product_id is not null and quantity = 2").await,
        1
    );
    assert_eq!(
        gym.count("select -sum(amount)::bigint from ledger_entries where account = 'tax'").await,
        1_400
    );

    // Taken back, it stands on the shelf again.
    let void = VoidSale {
        idempotency_key: new_id(gym.clock.now()),
        transaction_id: sale.transaction_id,
        reason: "wrong member".into(),
    };
    void_sale(&gym.services, &gym.reception, void).await.expect("voided");
    assert_eq!(stock(&gym, product.id).await, 24);
    assert_eq!(gym.count("select count(*) from stock_movements where kind = 'return'").await, 1);
}

#[tokio::test]
async fn a_walk_in_buys_a_shake_even_when_the_books_have_none() {
    let gym = TestGym::new().await;
    let product =
        made(&gym, ProductForm { low_stock_at: Some(2), ..form("Shake") }, 4_500).await.expect("made").id;
    moved(&gym, product, StockKind::Delivery, 3).await.expect("a delivery");
    let bar = made(&gym, ProductForm { low_stock_at: None, ..form("Bar") }, 2_000).await.expect("made").id;
    moved(&gym, bar, StockKind::Delivery, 2).await.expect("a delivery");
    let short = async |lines: Vec<Line>| {
        let basket = Basket { member_id: None, lines };
        let preview = sale_preview(&gym.services, &gym.reception, basket).await.expect("a preview");
        let told = preview.short.into_iter().map(|one| (one.product_id, one.name, one.left));
        told.collect::<Vec<_>>()
    };
    let line = |product_id, quantity| Line::Product { product_id, quantity };
    let shakes = |left| (product, "Shake".to_owned(), left);
    assert_eq!(short(vec![line(product, 1)]).await, [shakes(2)]);
    assert_eq!(short(vec![line(product, 4)]).await, [shakes(-1)]);
    // Lines of one product are added up, and only what is short is named.
    assert_eq!(short(vec![line(product, 2), line(bar, 2), line(product, 2)]).await, [shakes(-1)]);
    let both = [shakes(0), (bar, "Bar".to_owned(), -1)];
    assert_eq!(short(vec![line(product, 3), line(bar, 3)]).await, both);
    let low = ListProducts { low_stock: true, ..ListProducts::default() };
    assert!(list(&gym.services, &gym.manager, low).await.expect("products").rows.is_empty());
    let sale = sold(&gym, of(product, 4)).await;
    assert_eq!(sale.total, gym.money(18_000));
    assert_eq!(stock(&gym, product).await, -1);
    let low = ListProducts { low_stock: true, ..ListProducts::default() };
    let rows = list(&gym.services, &gym.manager, low).await.expect("products").rows;
    assert_eq!(rows.iter().map(|row| (row.id, row.is_low)).collect::<Vec<_>>(), [(product, true)]);
}

#[tokio::test]
async fn a_negative_quantity_never_credits_a_member() {
    let gym = TestGym::new().await;
    let product = shake(&gym).await;
    let member = gym.member("Mona Adel").await;
    let honest = gym.sale_of(of(product, 1)).await;
    for quantity in [0, -1, -10, i32::MIN, 100_001, i32::MAX] {
        let basket = Basket { member_id: Some(member), ..of(product, quantity) };
        let error =
            sale_preview(&gym.services, &gym.reception, basket.clone()).await.expect_err("no quantity");
        assert_eq!(field(error).0, "quantity");
        let request = gatehouse_core::sales::wire::Sell {
            basket,
            idempotency_key: new_id(gym.clock.now()),
            expected_total: Money::new(4_500 * i64::from(quantity), "EGP"),
            payments: Vec::new(),
            ..honest.clone()
        };
        let error = sell(&gym.services, &gym.reception, request).await.expect_err("no quantity");
        assert_eq!(field(error).0, "quantity");
    }
    for table in [
        "select count(*) from ledger_transactions",
        "select count(*) from charges",
        "select count(*) from payment_balances",
        "select count(*) from stock_movements",
    ] {
        assert_eq!(gym.count(table).await, 0, "{table}");
    }
    // Whatever the program does: the database refuses it.
    let by_hand = "insert into charges (id, transaction_id, description, amount, unit_amount, quantity, currency, due_on)
        values (gen_random_uuid(), gen_random_uuid(), 'x', 1, 1, -1, 'EGP', '2026-03-11')";
    let error = gym.db.owner.execute(by_hand).await.expect_err("a negative quantity");
    assert_eq!(Error::constraint(&error), Some("charges_quantity_positive"));
}

#[tokio::test]
async fn an_archived_product_is_neither_listed_nor_sold() {
    let gym = TestGym::new().await;
    let product_id = shake(&gym).await;
    archive(&gym.services, &gym.owner, ChooseProduct { product_id }).await.expect("archived");
    assert!(on_sale(&gym).await.is_empty());
    let error = sale_preview(&gym.services, &gym.reception, of(product_id, 1)).await.expect_err("archived");
    assert_eq!(code(error), "product_archived");
    let successor = shake(&gym).await;
    let error =
        restore(&gym.services, &gym.owner, ChooseProduct { product_id }).await.expect_err("two of a name");
    assert_eq!(field(error), ("name".to_owned(), "taken".to_owned()));
    archive(&gym.services, &gym.owner, ChooseProduct { product_id: successor }).await.expect("archived");
    restore(&gym.services, &gym.owner, ChooseProduct { product_id }).await.expect("restored");
    assert_eq!(on_sale(&gym).await[0].id, product_id);
    let nowhere = ProductId(new_id(gym.clock.now()));
    let error = sale_preview(&gym.services, &gym.reception, of(nowhere, 1)).await.expect_err("unknown");
    assert_eq!(code(error), "not_found");
}

#[tokio::test]
async fn a_product_without_a_price_in_the_branchs_money_is_not_sold() {
    let gym =
        TestGym::with(GymSetup { currency: "KWD", time_zone: "Asia/Kuwait", ..GymSetup::default() }).await;
    let product = made(&gym, form("Shake"), 1_250).await.expect("a product").id;
    assert_eq!(sold(&gym, of(product, 3)).await.total, Money::new(3_750, "KWD"));
    gym.db.owner.execute("update product_prices set currency = 'EGP'").await.expect("another currency");
    let error = sale_preview(&gym.services, &gym.reception, of(product, 1)).await.expect_err("no price");
    assert_eq!(code(error), "no_price");
}

#[tokio::test]
async fn tax_rates_are_added_and_archived_and_never_changed() {
    let gym = TestGym::new().await;
    let vat = rate(&gym, " VAT ", 1_400).await.expect("a rate");
    assert_eq!((vat.name.as_str(), vat.rate_bp), ("VAT", 1_400));
    for (name, bp, expected) in [
        ("vat", 1, ("name", "taken")),
        ("", 1, ("name", "required")),
        ("Luxury", -1, ("rate_bp", "out_of_range")),
        ("Luxury", 10_001, ("rate_bp", "out_of_range")),
    ] {
        let error = rate(&gym, name, bp).await.expect_err(expected.1);
        assert_eq!(field(error), (expected.0.to_owned(), expected.1.to_owned()));
    }
    let product = made(&gym, ProductForm { tax_rate_id: Some(vat.id), ..form("Shake") }, 5_700)
        .await
        .expect("a product");
    let request = || ChooseTaxRate { tax_rate_id: vat.id };
    taxes::archive(&gym.services, &gym.owner, request()).await.expect("archived");
    taxes::archive(&gym.services, &gym.owner, request()).await.expect("archived before");
    let rows = |archived| taxes::list(&gym.services, &gym.reception, ListTaxRates { archived });
    assert!(rows(false).await.expect("rates").rows.is_empty());
    assert_eq!(rows(true).await.expect("rates").rows.len(), 1);
    assert_eq!(gym.count("select count(*) from audit_log where act like 'tax_rate.%'").await, 2);
    // What names it keeps it, and its name is free for the next.
    assert_eq!(on_sale(&gym).await[0].form.tax_rate_id, product.form.tax_rate_id);
    let next = rate(&gym, "VAT", 1_500).await.expect("a rate");

    // It is used again when its name is free.
    let error = taxes::restore(&gym.services, &gym.owner, request()).await.expect_err("its name is given");
    assert_eq!(field(error), ("name".to_owned(), "taken".to_owned()));
    taxes::archive(&gym.services, &gym.owner, ChooseTaxRate { tax_rate_id: next.id })
        .await
        .expect("archived");
    for _ in 0..2 {
        let restored = taxes::restore(&gym.services, &gym.owner, request()).await.expect("in use");
        assert_eq!((restored.id, restored.archived_at, restored.rate_bp), (vat.id, None, 1_400));
    }
    assert_eq!(rows(false).await.expect("rates").rows.len(), 1);
    assert_eq!(gym.count("select count(*) from audit_log where act = 'tax_rate.restored'").await, 1);
    let error = taxes::restore(&gym.services, &gym.reception, request()).await.expect_err("not theirs");
    assert_eq!(code(error), "forbidden");
}

#[tokio::test]
async fn who_may_sell_sees_products_and_does_not_edit_them() {
    let gym = TestGym::new().await;
    let product_id = shake(&gym).await;
    assert_eq!(on_sale(&gym).await.len(), 1);
    let keeper = gym.staff(Role::StoreKeeper).await;
    assert_eq!(list(&gym.services, &keeper, ListProducts::default()).await.expect("products").rows.len(), 1);
    let key = new_id(gym.clock.now());
    let delivery =
        || MoveStock { idempotency_key: key, product_id, kind: StockKind::Delivery, quantity: 1, note: None };
    move_stock(&gym.services, &keeper, delivery()).await.expect("their work");
    let actor = &gym.reception;
    let id = ProductId(new_id(gym.clock.now()));
    let price =
        SetProductPrice { product_id, from: day("2026-03-11"), price_minor: 0, only_this_branch: false };
    for denied in [
        create(&gym.services, actor, CreateProduct { id, form: form("Bar"), price_minor: 0 }).await.map(drop),
        update(&gym.services, actor, UpdateProduct { id: product_id, form: form("Bar") }).await.map(drop),
        set_price(&gym.services, actor, price).await.map(drop),
        archive(&gym.services, actor, ChooseProduct { product_id }).await.map(drop),
        restore(&gym.services, actor, ChooseProduct { product_id }).await.map(drop),
        move_stock(&gym.services, actor, delivery()).await.map(drop),
        list(&gym.services, &without(actor, &[Permission::Sell]), ListProducts::default()).await.map(drop),
    ] {
        assert_eq!(code(denied.expect_err("not theirs")), "forbidden");
    }
    let request = CreateTaxRate { id: TaxRateId(new_id(gym.clock.now())), name: "VAT".into(), rate_bp: 1 };
    let error = taxes::create(&gym.services, actor, request).await.expect_err("not theirs");
    assert_eq!(code(error), "forbidden");
}
