//! The list itself. A line is decode, actor, one service call, encode; no SQL and no rule.
use super::{Call, Nothing};
use crate::desk::{self, wire as desk_wire};
use crate::jobs;
use crate::lan::wire as lan;
use crate::payments as remote_payments;
use gatehouse_core::actor::Actor;
use gatehouse_core::auth::wire as auth;
use gatehouse_core::auth::{login, permissions, staff};
use gatehouse_core::checkin::feed;
use gatehouse_core::checkin::service as checkin;
use gatehouse_core::checkin::wire as door;
use gatehouse_core::desks::service as other_desks;
use gatehouse_core::desks::wire as other_desk;
use gatehouse_core::error::Error;
use gatehouse_core::expenses::service as expenses;
use gatehouse_core::expenses::wire as expense;
use gatehouse_core::gym::service as gym;
use gatehouse_core::gym::wire as gym_wire;
use gatehouse_core::households::service as households;
use gatehouse_core::households::wire as household;
use gatehouse_core::members;
use gatehouse_core::members::wire as member;
use gatehouse_core::passes::print;
use gatehouse_core::passes::service as passes;
use gatehouse_core::passes::wire as pass;
use gatehouse_core::payments::gateways::service as gateways;
use gatehouse_core::payments::gateways::wire as gateway;
use gatehouse_core::payments::mandates;
use gatehouse_core::payments::refund;
use gatehouse_core::payments::requests::service as requests;
use gatehouse_core::payments::requests::wire as remote;
use gatehouse_core::payments::service as payments;
use gatehouse_core::payments::wire as payment;
use gatehouse_core::plans::service as plans;
use gatehouse_core::plans::wire as plan;
use gatehouse_core::receipts::service as receipts;
use gatehouse_core::receipts::wire as receipt;
use gatehouse_core::retail::service as retail;
use gatehouse_core::retail::wire as product;
use gatehouse_core::sales::service as sales;
use gatehouse_core::sales::void;
use gatehouse_core::sales::wire as sale;
use gatehouse_core::subscriptions::acts;
use gatehouse_core::subscriptions::closures;
use gatehouse_core::subscriptions::service as subscriptions;
use gatehouse_core::subscriptions::wire as subscription;
use gatehouse_core::sync::view as sync;
use gatehouse_core::sync::wire as joining;
use gatehouse_core::sync::{
    conflicts, join, lost, office, pairs, rows, service as relay, settle, sheet, status,
};
use gatehouse_core::taxes::service as taxes;
use gatehouse_core::taxes::wire as tax;
use gatehouse_core::till::service as till;
use gatehouse_core::till::wire as drawer;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::pin::Pin;
use ts_rs::{Config, ExportError, TS};

macro_rules! commands {
    ($(fn $name:ident($call:ident, $request:ident: $from:ty) -> $to:ty $body:block)+) => {
        /// Finds the command and answers it.
        pub(super) async fn dispatch(
            call: &mut Call<'_>,
            command: &str,
            request: serde_json::Value,
        ) -> Result<serde_json::Value, Error> {
            let answer: Answer<'_> = match command {
                $(stringify!($name) => begun(move || async move {
                    let $request: $from = decode(request)?;
                    let $call = call;
                    let answer: $to = $body;
                    encode(answer)
                }),)+
                _ => return Err(Error::NotFound("command")),
            };
            answer.await
        }

        /// Writes the TypeScript of every request and answer; gives each command with the names of both.
        pub(super) fn export_types(config: &Config) -> Result<Vec<(&'static str, String, String)>, ExportError> {
            Ok(vec![$((stringify!($name), export::<$from>(config)?, export::<$to>(config)?)),+])
        }
    };
}

/// The answer to a command, while it is worked out.
type Answer<'a> = Pin<Box<dyn Future<Output = Result<serde_json::Value, Error>> + Send + 'a>>;

/// Begins a command on the heap, and in a frame of its own: all commands in one frame are more than a thread's stack
/// holds when nothing is optimized.
fn begun<'a, F>(command: impl FnOnce() -> F) -> Answer<'a>
where
    F: Future<Output = Result<serde_json::Value, Error>> + Send + 'a,
{
    Box::pin(command())
}

pub(crate) fn decode<T: DeserializeOwned>(request: serde_json::Value) -> Result<T, Error> {
    serde_json::from_value(request).map_err(|error| Error::Invalid {
        field: "request",
        code: "request_malformed",
        params: serde_json::json!({ "why": error.to_string() }),
    })
}

pub(crate) fn encode(answer: impl Serialize) -> Result<serde_json::Value, Error> {
    serde_json::to_value(answer).map_err(|error| Error::Internal(error.to_string()))
}

fn export<T: TS + 'static>(config: &Config) -> Result<String, ExportError> {
    let name = T::name(config);
    // `Nothing` is null.
    if name == "Nothing" {
        return Ok("null".to_owned());
    }
    T::export_all(config)?;
    Ok(name)
}

/// Commands that change nothing, so that a page needs no proof of its own for them.
pub(super) fn reads_only(command: &str) -> bool {
    matches!(
        command,
        "me" | "setup_status"
            | "login"
            | "desk_people"
            | "desk_wait"
            | "desk_frame"
            | "desk_link"
            | "feed"
            | "inside"
            | "sync_status"
    )
}

commands! {
    fn setup_status(call, _request: Nothing) -> gym_wire::SetupStatus {
        match call.caller.desk {
            Some(other) => gym::status(call.services(), Some(other.desk)).await?,
            None => call.host.status().await?,
        }
    }
    fn set_up(call, request: gym_wire::SetUp) -> auth::Me {
        let device = call.caller.device.clone().unwrap_or_else(|| call.host.device.clone());
        let session = gym::set_up(call.services(), &device, call.caller.ip.clone(), request).await?;
        call.open(session)
    }
    fn set_up_join(call, request: joining::JoinHeadquarters) -> gym_wire::SetupStatus {
        // Like `set_up`, it is for whoever is there first.
        if call.host.status().await?.is_set_up {
            return Err(Error::conflict("already_set_up"));
        }
        join::join(call.services(), &Actor::System { branch: None, desk: None }, request).await?;
        jobs::relay(call.host).await?;
        call.host.status().await?
    }
    fn branch_get(call, _request: Nothing) -> gym_wire::Branch { gym::branch(call.services(), call.actor()?).await? }
    fn branch_update(call, request: gym_wire::UpdateBranch) -> gym_wire::SetupStatus {
        gym::update_branch(call.services(), call.actor()?, request).await?
    }
    fn login(call, request: auth::Login) -> auth::Me {
        let session = login::login(call.services(), &call.device().await?, request).await?;
        call.open(session)
    }
    fn logout(call, _request: Nothing) -> Nothing {
        login::logout(call.services(), call.token()?).await?;
        call.close();
        Nothing
    }
    fn me(call, _request: Nothing) -> auth::Me {
        let me = call.current.as_ref().map(|current| current.me.clone()).ok_or(Error::NotLoggedIn)?;
        call.stand_at_desk(call.caller.token.clone());
        me
    }
    fn lock(call, _request: Nothing) -> auth::Me { login::lock(call.services(), call.token()?).await? }
    fn unlock(call, request: auth::Unlock) -> auth::Me {
        let session = login::unlock(call.services(), call.token()?, &call.device().await?, request).await?;
        call.open(session)
    }
    fn desk_people(call, _request: Nothing) -> auth::DeskPeople {
        auth::DeskPeople { rows: login::desk_people(call.services(), call.token()?).await? }
    }
    fn sessions_list(call, _request: Nothing) -> auth::Sessions {
        auth::Sessions { rows: login::sessions(call.services(), call.actor()?).await? }
    }
    fn session_revoke(call, request: auth::RevokeSession) -> Nothing {
        login::revoke_session(call.services(), call.actor()?, request.session_id).await?;
        Nothing
    }
    fn staff_list(call, request: auth::ListStaff) -> auth::StaffPage {
        staff::list(call.services(), call.actor()?, request).await?
    }
    fn staff_create(call, request: auth::CreateStaff) -> auth::StaffRow {
        staff::create(call.services(), call.actor()?, request).await?
    }
    fn staff_update(call, request: auth::UpdateStaff) -> auth::StaffRow {
        staff::update(call.services(), call.actor()?, request).await?
    }
    fn staff_suspend(call, request: auth::ChooseStaff) -> Nothing {
        staff::set_standing(call.services(), call.actor()?, request.account_id, staff::Standing::Suspended).await?;
        Nothing
    }
    fn staff_reactivate(call, request: auth::ChooseStaff) -> Nothing {
        staff::set_standing(call.services(), call.actor()?, request.account_id, staff::Standing::Reactivated).await?;
        Nothing
    }
    fn staff_delete(call, request: auth::ChooseStaff) -> Nothing {
        staff::set_standing(call.services(), call.actor()?, request.account_id, staff::Standing::Deleted).await?;
        Nothing
    }
    fn own_secret_change(call, request: auth::ChangeOwnSecret) -> Nothing {
        staff::change_own_secret(call.services(), call.actor()?, request).await?;
        Nothing
    }
    fn permission_matrix(call, _request: Nothing) -> auth::PermissionMatrix {
        permissions::matrix(call.services(), call.actor()?).await?
    }
    fn permission_set(call, request: auth::PermissionCell) -> auth::PermissionMatrix {
        permissions::set(call.services(), call.actor()?, request).await?
    }
    fn member_search(call, request: member::SearchMembers) -> member::MemberHits {
        members::search::search(call.services(), call.actor()?, request).await?
    }
    fn member_list(call, request: member::ListMembers) -> member::MemberPage {
        members::service::list(call.services(), call.actor()?, request).await?
    }
    fn member_get(call, request: member::ChooseMember) -> member::Member {
        members::service::get(call.services(), call.actor()?, request).await?
    }
    fn member_register(call, request: member::RegisterMember) -> member::Member {
        members::service::register(call.services(), call.actor()?, request).await?
    }
    fn member_update(call, request: member::UpdateMember) -> member::Member {
        members::service::update(call.services(), call.actor()?, request).await?
    }
    fn member_suspend(call, request: member::SuspendMember) -> member::Member {
        members::service::suspend(call.services(), call.actor()?, request).await?
    }
    fn member_note_add(call, request: member::AddNote) -> member::MemberNote {
        members::notes::add(call.services(), call.actor()?, request).await?
    }
    fn member_note_resolve(call, request: member::ResolveNote) -> member::MemberNote {
        members::notes::resolve(call.services(), call.actor()?, request).await?
    }
    fn member_notes(call, request: member::ChooseMember) -> member::MemberNotes {
        members::notes::list(call.services(), call.actor()?, request).await?
    }
    fn measurement_add(call, request: member::AddMeasurement) -> member::Measurement {
        members::measurements::add(call.services(), call.actor()?, request).await?
    }
    fn measurements(call, request: member::ChooseMember) -> member::Measurements {
        members::measurements::list(call.services(), call.actor()?, request).await?
    }
    fn member_photo_set(call, request: member::SetPhoto) -> member::Member {
        members::photo::set(call.services(), call.actor()?, request).await?
    }
    fn photo_get(call, request: member::GetPhoto) -> member::Picture {
        members::photo::get(call.services(), call.actor()?, request).await?
    }
    fn member_entries(call, request: door::ListEntries) -> door::Entries {
        feed::entries(call.services(), call.actor()?, request).await?
    }
    fn member_timeline(call, request: member::ListTimeline) -> member::Timeline {
        members::timeline::timeline(call.services(), call.actor()?, request).await?
    }
    fn plan_list(call, request: plan::ListPlans) -> plan::Plans { plans::list_plans(call.services(), call.actor()?, request).await? }
    fn plan_create(call, request: plan::CreatePlan) -> plan::Plan { plans::create_plan(call.services(), call.actor()?, request).await? }
    fn plan_update(call, request: plan::UpdatePlan) -> plan::Plan { plans::update_plan(call.services(), call.actor()?, request).await? }
    fn plan_archive(call, request: plan::ChoosePlan) -> plan::Plan {
        plans::archive_plan(call.services(), call.actor()?, request).await?
    }
    fn plan_restore(call, request: plan::ChoosePlan) -> plan::Plan {
        plans::restore_plan(call.services(), call.actor()?, request).await?
    }
    fn plan_price_set(call, request: plan::SetPrice) -> plan::Plan {
        plans::set_price(call.services(), call.actor()?, request).await?
    }
    fn plan_price_withdraw(call, request: plan::WithdrawPrice) -> plan::Plan {
        plans::withdraw_price(call.services(), call.actor()?, request).await?
    }
    fn sale_preview(call, request: sale::Basket) -> sale::SalePreview {
        sales::sale_preview(call.services(), call.actor()?, request).await?
    }
    fn sell(call, request: sale::Sell) -> sale::Sale { sales::sell(call.services(), call.actor()?, request).await? }
    fn debts(call, request: member::ChooseMember) -> payment::Debts { payments::debts(call.services(), call.actor()?, request).await? }
    fn pay_debts(call, request: payment::PayDebts) -> payment::Paid {
        payments::pay_debts(call.services(), call.actor()?, request).await?
    }
    fn member_payments(call, request: member::ChooseMember) -> payment::MemberPayments {
        payments::member_payments(call.services(), call.actor()?, request).await?
    }
    fn mandate_list(call, request: member::ChooseMember) -> payment::Mandates {
        mandates::list(call.services(), call.actor()?, request).await?
    }
    fn mandate_revoke(call, request: payment::RevokeMandate) -> Nothing {
        mandates::revoke(call.services(), call.actor()?, request).await?;
        Nothing
    }
    fn refund_preview(call, request: payment::RefundForm) -> payment::RefundPreview {
        refund::refund_preview(call.services(), call.actor()?, request).await?
    }
    fn refund(call, request: payment::Refund) -> payment::Refunded { refund::refund(call.services(), call.actor()?, request).await? }
    fn write_off(call, request: payment::WriteOff) -> payment::WrittenOff {
        payments::write_off(call.services(), call.actor()?, request).await?
    }
    fn household_of(call, request: member::ChooseMember) -> household::HouseholdOf {
        households::household_of(call.services(), call.actor()?, request).await?
    }
    fn household_set(call, request: household::SetHousehold) -> household::Household {
        households::set(call.services(), call.actor()?, request).await?
    }
    fn receivables(call, _request: Nothing) -> payment::Receivables { payments::receivables(call.services(), call.actor()?).await? }
    fn money_settings_get(call, _request: Nothing) -> payment::MoneySettings {
        payments::money_settings(call.services(), call.actor()?).await?
    }
    fn money_settings_set(call, request: payment::MoneySettings) -> payment::MoneySettings {
        payments::set_money_settings(call.services(), call.actor()?, request).await?
    }
    fn subscription_preview(call, request: subscription::PreviewAct) -> subscription::ActPreview {
        acts::preview(call.services(), call.actor()?, request).await?
    }
    fn subscription_act(call, request: subscription::DoAct) -> subscription::Acted {
        acts::act(call.services(), call.actor()?, request).await?
    }
    fn closure_preview(call, request: subscription::Close) -> subscription::ClosurePreview {
        closures::preview(call.services(), call.actor()?, request).await?
    }
    fn closure_add(call, request: subscription::Close) -> subscription::ClosureGiven {
        closures::close(call.services(), call.actor()?, request).await?
    }
    fn closure_list(call, _request: Nothing) -> subscription::Closures { closures::list(call.services(), call.actor()?).await? }
    fn subscription_on(call, request: subscription::AskStanding) -> subscription::Standing {
        acts::standing_on(call.services(), call.actor()?, request).await?
    }
    fn take_over(call, request: subscription::TakeOver) -> subscription::TakenOver {
        subscriptions::take_over(call.services(), call.actor()?, request).await?
    }
    fn sale_void(call, request: sale::VoidSale) -> sale::Voided {
        void::void_sale(call.services(), call.actor()?, request).await?
    }
    fn member_subscriptions(call, request: member::ChooseMember) -> subscription::Subscriptions {
        subscriptions::member_subscriptions(call.services(), call.actor()?, request).await?
    }
    fn receipt_list(call, request: receipt::ListReceipts) -> receipt::ReceiptPage {
        receipts::list(call.services(), call.actor()?, request).await?
    }
    fn receipt_get(call, request: receipt::ChooseReceipt) -> receipt::Receipt {
        receipts::get(call.services(), call.actor()?, request).await?
    }
    fn receipt_pdf(call, request: receipt::PrintReceipt) -> pass::Document {
        receipts::as_pdf(call.services(), call.actor()?, request).await?
    }
    fn receipt_print(call, request: receipt::ChooseReceipt) -> desk_wire::ReceiptPrinted {
        desk_wire::ReceiptPrinted { is_copy: desk::print_receipt(call.host, call.actor()?, request).await? }
    }
    fn receipt_email(call, request: receipt::EmailReceipt) -> receipt::ReceiptQueued {
        receipts::queue(call.services(), call.actor()?, request).await?
    }
    fn printer_settings_get(call, _request: Nothing) -> desk_wire::PrinterChoice {
        call.actor()?;
        desk::printer(call.host.as_ref())
    }
    fn printer_settings_set(call, request: desk_wire::PrinterChoice) -> desk_wire::PrinterChoice {
        desk::choose_printer(call.host.as_ref(), call.actor()?, request)?
    }
    fn printer_test(call, _request: Nothing) -> Nothing {
        desk::test_printer(call.host.as_ref(), call.actor()?).await?;
        Nothing
    }
    fn till_get(call, request: drawer::ChooseTill) -> drawer::Till { till::get(call.services(), call.actor()?, request).await? }
    fn till_open(call, request: drawer::OpenTill) -> drawer::ShiftOpened {
        till::open(call.services(), call.actor()?, request).await?
    }
    fn till_count(call, request: drawer::CountTill) -> drawer::TillCount {
        till::count(call.services(), call.actor()?, request).await?
    }
    fn till_close(call, request: drawer::CloseTill) -> drawer::ShiftReport {
        till::close(call.services(), call.actor()?, request).await?
    }
    fn till_list(call, _request: Nothing) -> drawer::Tills { till::list(call.services(), call.actor()?).await? }
    fn till_create(call, request: drawer::CreateTill) -> drawer::Tills {
        till::create_till(call.services(), call.actor()?, request).await?
    }
    fn till_rename(call, request: drawer::RenameTill) -> drawer::Tills {
        till::rename_till(call.services(), call.actor()?, request).await?
    }
    fn desk_till_set(call, request: drawer::SetDeskTill) -> drawer::Tills {
        till::set_desk_till(call.services(), call.actor()?, request).await?
    }
    fn cash_move(call, request: drawer::MoveCash) -> drawer::CashMoved {
        till::move_cash(call.services(), call.actor()?, request).await?
    }
    fn shift_list(call, request: drawer::ListShifts) -> drawer::Shifts {
        till::list_shifts(call.services(), call.actor()?, request).await?
    }
    fn shift_report(call, request: drawer::ChooseShift) -> drawer::ShiftReport {
        till::shift_report(call.services(), call.actor()?, request).await?
    }
    fn shift_rows(call, request: drawer::ListShiftRows) -> drawer::ShiftRows {
        till::shift_rows(call.services(), call.actor()?, request).await?
    }
    fn product_list(call, request: product::ListProducts) -> product::Products {
        retail::list(call.services(), call.actor()?, request).await?
    }
    fn product_by_code(call, request: product::FindProduct) -> product::Product {
        retail::by_code(call.services(), call.actor()?, request).await?
    }
    fn product_create(call, request: product::CreateProduct) -> product::Product {
        retail::create(call.services(), call.actor()?, request).await?
    }
    fn product_update(call, request: product::UpdateProduct) -> product::Product {
        retail::update(call.services(), call.actor()?, request).await?
    }
    fn product_archive(call, request: product::ChooseProduct) -> product::Product {
        retail::archive(call.services(), call.actor()?, request).await?
    }
    fn product_restore(call, request: product::ChooseProduct) -> product::Product {
        retail::restore(call.services(), call.actor()?, request).await?
    }
    fn product_price_set(call, request: product::SetProductPrice) -> product::Product {
        retail::set_price(call.services(), call.actor()?, request).await?
    }
    fn product_price_withdraw(call, request: product::WithdrawProductPrice) -> product::Product {
        retail::withdraw_price(call.services(), call.actor()?, request).await?
    }
    fn stock_move(call, request: product::MoveStock) -> product::StockMoved {
        retail::move_stock(call.services(), call.actor()?, request).await?
    }
    fn stock_movements(call, request: product::ListStockMovements) -> product::StockMovements {
        retail::movements(call.services(), call.actor()?, request).await?
    }
    fn tax_rate_list(call, request: tax::ListTaxRates) -> tax::TaxRates { taxes::list(call.services(), call.actor()?, request).await? }
    fn tax_rate_create(call, request: tax::CreateTaxRate) -> tax::TaxRate {
        taxes::create(call.services(), call.actor()?, request).await?
    }
    fn tax_rate_archive(call, request: tax::ChooseTaxRate) -> tax::TaxRate {
        taxes::archive(call.services(), call.actor()?, request).await?
    }
    fn tax_rate_restore(call, request: tax::ChooseTaxRate) -> tax::TaxRate {
        taxes::restore(call.services(), call.actor()?, request).await?
    }
    fn expense_list(call, request: expense::ListExpenses) -> expense::Expenses {
        expenses::list(call.services(), call.actor()?, request).await?
    }
    fn expense_create(call, request: expense::CreateExpense) -> expense::Expense {
        expenses::create(call.services(), call.actor()?, request).await?
    }
    fn expense_decide(call, request: expense::DecideExpense) -> expense::Expense {
        expenses::decide(call.services(), call.actor()?, request).await?
    }
    fn expense_pay(call, request: expense::PayExpense) -> expense::ExpensePaid {
        expenses::pay(call.services(), call.actor()?, request).await?
    }
    fn expense_file(call, request: expense::ChooseExpense) -> expense::ExpenseFile {
        expenses::file(call.services(), call.actor()?, request).await?
    }
    fn pass_list(call, request: member::ChooseMember) -> pass::Passes {
        passes::list(call.services(), call.actor()?, request).await?
    }
    fn pass_issue(call, request: pass::IssueCard) -> pass::Pass { passes::issue_card(call.services(), call.actor()?, request).await? }
    fn pass_revoke(call, request: pass::RevokePass) -> pass::Pass { passes::revoke(call.services(), call.actor()?, request).await? }
    fn pass_print(call, request: pass::PrintCard) -> pass::Document {
        print::print(call.services(), call.actor()?, request).await?
    }
    fn alias_add(call, request: pass::AddAlias) -> pass::Pass { passes::add_alias(call.services(), call.actor()?, request).await? }
    fn alias_remove(call, request: pass::RemoveAlias) -> Nothing {
        passes::remove_alias(call.services(), call.actor()?, request).await?;
        Nothing
    }
    fn check_in(call, request: door::CheckIn) -> door::Verdict {
        let verdict = checkin::check_in(call.services(), call.actor()?, request).await?;
        call.host.station.events.push(desk_wire::DeskEvent::FeedChanged);
        verdict
    }
    fn let_in(call, request: door::LetIn) -> door::Verdict {
        let verdict = checkin::let_in(call.services(), call.actor()?, request).await?;
        call.host.station.events.push(desk_wire::DeskEvent::FeedChanged);
        verdict
    }
    fn entry_undo(call, request: door::UndoEntry) -> Nothing {
        checkin::undo_entry(call.services(), call.actor()?, request).await?;
        call.host.station.events.push(desk_wire::DeskEvent::FeedChanged);
        Nothing
    }
    fn check_out(call, request: door::CheckOut) -> door::Verdict {
        let verdict = checkin::check_out(call.services(), call.actor()?, request).await?;
        call.host.station.events.push(desk_wire::DeskEvent::FeedChanged);
        verdict
    }
    fn feed(call, request: door::ListFeed) -> door::Feed { feed::feed(call.services(), call.actor()?, request).await? }
    fn inside(call, _request: Nothing) -> door::Inside { feed::inside(call.services(), call.actor()?).await? }
    fn desk_wait(call, request: desk_wire::DeskWait) -> desk_wire::DeskNews {
        let actor = call.actor()?.clone();
        desk::for_eyes_of(&actor, call.host.station.events.wait(request.after).await)
    }
    fn desk_link(_call, _request: Nothing) -> lan::DeskLinkView { lan::DeskLinkView { link: None } }
    fn desk_pair(call, _request: lan::PairHere) -> gym_wire::SetupStatus {
        // A machine without a gym is made a desk by `served`; this one has a gym.
        call.actor()?;
        Err::<gym_wire::SetupStatus, _>(Error::conflict("already_set_up"))?
    }
    fn lan_get(call, _request: Nothing) -> lan::LanView { crate::lan::view(call.host, call.actor()?).await? }
    fn lan_set(call, request: lan::SetLan) -> lan::LanView { crate::lan::set(call.host, call.actor()?, request).await? }
    fn desk_code_new(call, _request: Nothing) -> other_desk::DeskCode {
        other_desks::new_code(call.services(), call.actor()?).await?
    }
    fn paired_desk_revoke(call, request: other_desk::ChoosePairedDesk) -> Nothing {
        other_desks::revoke(call.services(), call.actor()?, request.id).await?;
        Nothing
    }
    fn desk_frame(call, _request: Nothing) -> desk_wire::DeskFrame {
        call.actor()?;
        call.host.station.frame().await
    }
    fn desk_sources(call, _request: Nothing) -> desk_wire::DeskSources {
        call.actor()?;
        call.host.station.sources()
    }
    fn desk_choose_source(call, request: desk_wire::ChooseSource) -> desk_wire::DeskSources {
        desk::choose(call.host, call.actor()?, request)?
    }
    fn desk_pause(call, _request: Nothing) -> Nothing {
        desk::pause(call.host.as_ref(), call.actor()?)?;
        Nothing
    }
    fn desk_resume(call, _request: Nothing) -> Nothing {
        call.actor()?;
        call.host.station.resume();
        Nothing
    }
    fn desk_photo(call, _request: Nothing) -> member::Picture {
        desk::photo(call.host.as_ref(), call.actor()?)?
    }
    fn desk_read_picture(call, request: desk_wire::ReadPicture) -> door::Verdict {
        let code = desk::read_picture(request.picture_base64).await?;
        let request = door::CheckIn { scan_id: request.scan_id, who: door::Who::Code(code), source: door::Source::Picture };
        let verdict = checkin::check_in(call.services(), call.actor()?, request).await?;
        call.host.station.events.push(desk_wire::DeskEvent::FeedChanged);
        verdict
    }
    fn payment_methods(call, _request: Nothing) -> gateway::RemoteMethods {
        gateways::offered(call.services(), call.actor()?).await?
    }
    fn payment_request(call, request: remote::AskPayment) -> remote::PaymentRequest {
        remote_payments::ask(call.services(), &call.host.gateways, call.actor()?, request).await?
    }
    fn payment_requests(call, request: remote::ListRequests) -> remote::PaymentRequests {
        requests::list(call.services(), call.actor()?, request).await?
    }
    fn payment_request_get(call, request: remote::ChooseRequest) -> remote::PaymentRequest {
        requests::get(call.services(), call.actor()?, request).await?
    }
    fn payment_request_check(call, request: remote::ChooseRequest) -> remote::PaymentRequest {
        remote_payments::check(call.services(), &call.host.gateways, call.actor()?, request.request_id).await?
    }
    fn payment_request_claim(call, request: remote::ClaimTransfer) -> remote::PaymentRequest {
        requests::claim(call.services(), call.actor()?, request).await?
    }
    fn payment_request_confirm(call, request: remote::ConfirmTransfer) -> remote::PaymentRequest {
        requests::confirm_transfer(call.services(), call.actor()?, request).await?
    }
    fn payment_request_cancel(call, request: remote::CancelRequest) -> remote::PaymentRequest {
        requests::cancel(call.services(), call.actor()?, request).await?
    }
    fn gateway_refund(call, request: remote::AskRefund) -> remote::PaymentRequest {
        remote_payments::refund(call.services(), &call.host.gateways, call.actor()?, request).await?
    }
    fn gateway_settings_get(call, _request: Nothing) -> gateway::GatewayViews {
        gateways::settings(call.services(), call.actor()?).await?
    }
    fn headquarters_get(call, _request: Nothing) -> joining::Headquarters {
        office::state(call.services(), call.actor()?).await?
    }
    fn headquarters_join(call, request: joining::JoinHeadquarters) -> joining::Headquarters {
        let joined = join::join(call.services(), call.actor()?, request).await?;
        jobs::relay(call.host).await?;
        joined
    }
    fn branch_enrol(call, request: joining::EnrolBranch) -> joining::NewCode {
        office::enrol(call.services(), call.actor()?, request, None).await?
    }
    fn branch_revoke(call, request: joining::RevokeBranch) -> joining::Headquarters {
        office::revoke(call.services(), call.actor()?, request.branch_id).await?
    }
    fn gateway_settings_set(call, request: gateway::SetGateway) -> gateway::GatewayView {
        gateways::set(call.services(), call.actor()?, request).await?
    }
    fn sync_status(call, _request: Nothing) -> sync::SyncStatus {
        status::status(call.services(), call.actor()?).await?
    }
    fn sync_page(call, _request: Nothing) -> sync::SyncPage { status::page(call.services(), call.actor()?).await? }
    fn sync_rows(call, request: sync::ListSyncRows) -> sync::SyncRows {
        rows::rows(call.services(), call.actor()?, request).await?
    }
    fn sync_send_again(call, request: sync::ChooseEvent) -> Nothing {
        relay::send_again(call.services(), call.actor()?, request).await?;
        Nothing
    }
    fn sync_leave_out(call, request: sync::LeaveOut) -> Nothing {
        relay::leave_out(call.services(), call.actor()?, request).await?;
        Nothing
    }
    fn lost_take(call, _request: Nothing) -> sync::LostTaken {
        lost::take(call.services(), call.actor()?).await?
    }
    fn lost_forget(call, request: sync::ForgetLost) -> Nothing {
        lost::forget(call.services(), call.actor()?, request).await?;
        Nothing
    }
    fn sync_conflicts(call, request: sync::ListConflicts) -> sync::Conflicts {
        conflicts::list(call.services(), call.actor()?, request).await?
    }
    fn sync_conflict_decide(call, request: sync::DecideConflict) -> sync::Conflicts {
        conflicts::decide(call.services(), call.actor()?, request).await?
    }
    fn outage_list(call, _request: Nothing) -> sync::Outages { sheet::list(call.services(), call.actor()?).await? }
    fn outage_sheet(call, request: sync::ChooseOutage) -> sync::OutageSheet {
        sheet::get(call.services(), call.actor()?, request).await?
    }
    fn outage_sign(call, request: sync::SignOutage) -> sync::OutageSheet {
        sheet::sign(call.services(), call.actor()?, request).await?
    }
    fn overdrawn_list(call, _request: Nothing) -> sync::OverdrawnList {
        settle::list(call.services(), call.actor()?).await?
    }
    fn overdrawn_settle(call, request: sync::SettleOverdrawn) -> sync::OverdrawnList {
        settle::settle(call.services(), call.actor()?, request).await?
    }
    fn member_pairs(call, _request: Nothing) -> sync::MemberPairs { pairs::list(call.services(), call.actor()?).await? }
    fn member_pair_decide(call, request: sync::DecidePair) -> sync::MemberPairs {
        pairs::decide(call.services(), call.actor()?, request).await?
    }
}
