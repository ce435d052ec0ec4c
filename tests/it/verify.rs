//! Books that somebody wrote into past the services: the first row that is not as it was written is named.
use gatehouse_core::clock::Clock;
use gatehouse_core::ids::new_id;
use gatehouse_core::payments::wire::{Method, Payment};
use gatehouse_core::receipts::chain::hash;
use gatehouse_core::receipts::document::ReceiptDocument;
use gatehouse_core::sales::service::sell;
use gatehouse_core::sales::void::void_sale;
use gatehouse_core::sales::wire::{Basket, Line, Sale, Sell, VoidSale};
use gatehouse_core::verify::{Broken, Verified, verify};
use gatehouse_testkit::{GymSetup, TestGym};
use sqlx::{AssertSqlSafe, Executor as _};

/// A gym with four sales at the first till, one at the second and one taken back.
struct Books {
    gym: TestGym,
    sales: Vec<Sale>,
}

impl Books {
    async fn new() -> Self {
        let gym = TestGym::new().await;
        let plan_id = gym.monthly().await;
        let mut sales = Vec::new();
        for name in ["Mona Adel", "Omar Said", "Salma Fathy", "Karim Nabil"] {
            sales.push(gym.sell_plan(gym.member(name).await, plan_id).await);
        }
        let basket = Basket::of(gym.member("Hana Ali").await, Line::New { plan_id, starts_on: None });
        let card = Payment {
            method: Method::CardTerminal,
            amount: gym.money(50_000),
            tendered: None,
            reference: Some("482910337755".into()),
        };
        let request = Sell { payments: vec![gym.cash(25_000), card], ..gym.sale_of(basket).await };
        sell(&gym.services, &gym.second_reception, request).await.expect("a sale");
        let request = VoidSale {
            idempotency_key: new_id(gym.clock.now()),
            transaction_id: sales[3].transaction_id,
            reason: "wrong plan".into(),
        };
        void_sale(&gym.services, &gym.reception, request).await.expect("voided");
        Self { gym, sales }
    }

    /// Writes as the owner of the database. `{transaction}` and `{receipt}` are those of the second sale, `{till}` its
    /// till.
    async fn tamper(&self, statements: &str) {
        let sale = &self.sales[1];
        let statements = statements
            .replace("{transaction}", &sale.transaction_id.to_string())
            .replace("{receipt}", &sale.receipt_id.to_string())
            .replace("{till}", &self.till().await);
        self.gym.db.owner.execute(sqlx::raw_sql(AssertSqlSafe(statements))).await.expect("written");
    }

    async fn till(&self) -> String {
        sqlx::query_scalar("select till_id::text from desks where id = $1")
            .bind(self.gym.desk)
            .fetch_one(&self.gym.db.owner)
            .await
            .expect("a till")
    }

    async fn verified(&self) -> Verified {
        verify(&self.gym.services.db).await.expect("read")
    }

    async fn broken(&self) -> Broken {
        self.verified().await.broken.expect("something broken")
    }
}

#[tokio::test]
async fn books_that_nobody_touched_are_in_order() {
    let books = Books::new().await;
    let gym = &books.gym;
    let verified = books.verified().await;
    assert_eq!(verified.broken, None);
    let count = async |query| u64::try_from(gym.count(query).await).expect("a number");
    assert_eq!(verified.transactions, count("select count(*) from ledger_transactions").await);
    assert_eq!(verified.entries, count("select count(*) from ledger_entries").await);
    assert_eq!((verified.receipts, verified.tills), (6, 2));
    assert_eq!(verify(&TestGym::new().await.services.db).await.expect("read").broken, None);
}

#[tokio::test]
async fn a_transaction_written_over_is_named() {
    for (statements, what) in [
        (
            "update ledger_entries set amount = amount + 1 where transaction_id = '{transaction}' and account = 'cash'",
            "its entries sum to 1 minor units of EGP instead of 0",
        ),
        (
            "delete from ledger_entries where transaction_id = '{transaction}' and account = 'revenue'",
            "its entries sum to 75000 minor units of EGP instead of 0",
        ),
        ("update ledger_entries set amount = 2 * amount where transaction_id = '{transaction}'", "digest"),
        ("update ledger_entries set account = 'safe' where transaction_id = '{transaction}' and account = 'cash'", "digest"),
        ("delete from ledger_entries where transaction_id = '{transaction}'", "digest"),
        ("update ledger_transactions set business_day = business_day - 1 where id = '{transaction}'", "digest"),
        ("update ledger_transactions set at = at + interval '1 microsecond' where id = '{transaction}'", "digest"),
        ("update ledger_transactions set digest = sha256('') where id = '{transaction}'", "digest"),
        (
            "insert into ledger_entries (id, transaction_id, account, amount, currency) values
                 (gen_random_uuid(), '{transaction}', 'cash', -5, 'EGP'), (gen_random_uuid(), '{transaction}', 'safe', 5, 'EGP')",
            "digest",
        ),
    ] {
        let books = Books::new().await;
        books.tamper(statements).await;
        let broken = books.broken().await;
        assert_eq!((broken.table, broken.number), ("ledger_transactions", None), "{statements}");
        assert_eq!(broken.id, books.sales[1].transaction_id.to_string(), "{statements}");
        assert!(broken.what.contains(what), "{statements}: {}", broken.what);
    }
}

#[tokio::test]
async fn a_receipt_written_over_is_named_with_its_number() {
    for (statements, what) in [
        (
            "update receipts set document = replace(document, 'Omar', 'Umar') where id = '{receipt}'",
            "its hash does not fit",
        ),
        ("update receipts set hash = sha256('') where id = '{receipt}'", "its hash does not fit"),
        ("update receipts set kind = 'refund' where id = '{receipt}'", "its kind or its day"),
        ("update receipts set business_day = business_day + 1 where id = '{receipt}'", "its kind or its day"),
    ] {
        let books = Books::new().await;
        books.tamper(statements).await;
        let broken = books.broken().await;
        assert_eq!((broken.table, broken.number), ("receipts", Some(2)), "{statements}");
        assert_eq!(broken.id, books.sales[1].receipt_id.to_string(), "{statements}");
        assert!(broken.what.contains(what), "{statements}: {}", broken.what);
    }
}

#[tokio::test]
async fn a_missing_number_is_named_with_its_till() {
    for (statements, number) in [
        ("delete from receipts where id = '{receipt}'", 2),
        ("delete from receipts where till_id = '{till}' and number = 1", 1),
        // The last one, which nothing comes after.
        ("delete from receipts where till_id = '{till}' and number = 5", 5),
        ("delete from receipts where till_id = '{till}'", 1),
        ("update receipts set number = 6 where till_id = '{till}' and number = 5", 5),
        ("update receipt_chains set last_number = 6 where till_id = '{till}'", 6),
    ] {
        let books = Books::new().await;
        books.tamper(statements).await;
        let what = "this number of the till is missing".to_owned();
        let missing = Broken { table: "receipts", id: books.till().await, number: Some(number), what };
        assert_eq!(books.broken().await, missing, "{statements}");
    }
}

#[tokio::test]
async fn a_chain_moved_back_is_named() {
    for (statements, number, what) in [
        (
            "update receipt_chains set last_number = 4, last_hash = (select hash from receipts where till_id = '{till}' and number = 4)
             where till_id = '{till}'",
            Some(4),
            "the chain ends at 4, but there is a receipt 5",
        ),
        ("update receipt_chains set last_hash = sha256('') where till_id = '{till}'", Some(5), "the last receipt's hash"),
        ("delete from receipt_chains where till_id = '{till}'", None, "the till's chain is not there"),
    ] {
        let books = Books::new().await;
        books.tamper(statements).await;
        let broken = books.broken().await;
        let named = (broken.table, broken.id.clone(), broken.number);
        assert_eq!(named, ("receipt_chains", books.till().await, number), "{statements}");
        assert!(broken.what.contains(what), "{statements}: {}", broken.what);
    }
}

#[tokio::test]
async fn a_forger_who_knows_the_chain_still_contradicts_the_ledger() {
    let books = Books::new().await;
    let owner = &books.gym.db.owner;
    // The last receipt of the second till, written anew with another amount, its hash and the chain's end with it.
    let (id, number, document, digest): (uuid::Uuid, i64, String, Vec<u8>) = sqlx::query_as(
        "select r.id, r.number, r.document, t.digest from receipts r join ledger_transactions t on t.id = r.transaction_id
         where r.till_id = (select till_id from desks where id = $1)",
    )
    .bind(books.gym.second_desk)
    .fetch_one(owner)
    .await
    .expect("a receipt");
    let mut forged: ReceiptDocument = serde_json::from_str(&document).expect("a document");
    forged.payments[0].amount -= 20_000;
    let forged = serde_json::to_string(&forged).expect("JSON");
    let first: Vec<u8> = sqlx::query_scalar("select sha256('')").fetch_one(owner).await.expect("a hash");
    let hash = hash(&first, number, &digest, &forged);
    sqlx::query(
        "with receipt as (update receipts set document = $2, hash = $3 where id = $1 returning till_id)
         update receipt_chains set last_hash = $3 from receipt where receipt_chains.till_id = receipt.till_id",
    )
    .bind(id)
    .bind(&forged)
    .bind(&hash)
    .execute(owner)
    .await
    .expect("written");
    let broken = books.broken().await;
    assert_eq!((broken.table, broken.id, broken.number), ("receipts", id.to_string(), Some(1)));
    assert_eq!(broken.what, "it says 55000 minor units were paid, the ledger 75000");
}

#[tokio::test]
async fn a_clock_finer_than_the_database_does_not_break_the_digest() {
    let gym = TestGym::with(GymSetup { now: "2026-03-11T10:00:00.000000900Z", ..GymSetup::default() }).await;
    gym.sell_plan(gym.member("Mona Adel").await, gym.monthly().await).await;
    let verified = verify(&gym.services.db).await.expect("read");
    assert!(verified.broken.is_none(), "{verified:?}");
}
