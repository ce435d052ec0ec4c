//! Roles, permissions and the written matrix between them.
use serde::{Deserialize, Serialize};
use std::fmt;
use ts_rs::TS;

/// What an account is in the gym; one account can be several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Owner,
    Manager,
    Reception,
    Accountant,
    Trainer,
    StoreKeeper,
    Member,
}

impl Role {
    pub const STAFF: [Self; 6] =
        [Self::Owner, Self::Manager, Self::Reception, Self::Accountant, Self::Trainer, Self::StoreKeeper];

    /// As stored in `profiles.kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Manager => "manager",
            Self::Reception => "reception",
            Self::Accountant => "accountant",
            Self::Trainer => "trainer",
            Self::StoreKeeper => "store_keeper",
            Self::Member => "member",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Owner,
            Self::Manager,
            Self::Reception,
            Self::Accountant,
            Self::Trainer,
            Self::StoreKeeper,
            Self::Member,
        ]
        .into_iter()
        .find(|role| role.as_str() == text)
    }
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// One act that a role may or may not do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
        #[serde(rename_all = "snake_case")]
        pub enum Permission { $($(#[$doc])* $name),+ }

        impl Permission {
            /// All of them, in the order of the settings page.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// As stored in `role_permissions.permission`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

permissions! {
    /// Scan, see verdicts, check out.
    CheckIn = "check_in",
    /// Let a refused member in once, with a reason.
    Override = "override",
    /// Take back the last entry.
    UndoEntry = "undo_entry",
    /// Open member records and search.
    ViewMembers = "view_members",
    /// Register and edit members, their notes, photos and measurements.
    EditMembers = "edit_members",
    SuspendMembers = "suspend_members",
    /// Issue, print and re-issue passes, register old codes.
    IssuePass = "issue_pass",
    RevokePass = "revoke_pass",
    /// Sell and renew, taking money.
    Sell = "sell",
    /// Void the last sale within its window.
    VoidSale = "void_sale",
    /// Sell with a part left owed.
    SellOnCredit = "sell_on_credit",
    /// Freeze and thaw within the plan's allowance.
    FreezeSubscriptions = "freeze_subscriptions",
    /// Give days or visits, and days back for a closure.
    GiftDays = "gift_days",
    /// Cancel, and take a cancellation back.
    CancelSubscriptions = "cancel_subscriptions",
    /// Beyond the freeze allowance, before the minimum term or the notice is over.
    WaiveTerms = "waive_terms",
    TransferSubscriptions = "transfer_subscriptions",
    /// Give money back.
    Refund = "refund",
    WriteOff = "write_off",
    /// Put members of a household on one bill.
    EditHouseholds = "edit_households",
    /// Take over a running subscription from an old system, without a charge.
    TakeOver = "take_over",
    /// Count the float and open a shift, see what runs at a till.
    OpenTill = "open_till",
    /// Count the drawer and close its shift.
    CloseTill = "close_till",
    /// Carry cash between drawer and safe, pay a bill out of the drawer.
    CashMovement = "cash_movement",
    /// See prices paid, ledgers and totals.
    SeeMoney = "see_money",
    EditPlans = "edit_plans",
    /// Products, their prices and barcodes.
    EditProducts = "edit_products",
    /// Deliveries, counts, waste and returns.
    MoveStock = "move_stock",
    EnterExpenses = "enter_expenses",
    /// Approve bills that somebody else entered, and have them paid by the bank.
    ApproveExpenses = "approve_expenses",
    ManageStaff = "manage_staff",
    /// Change this very matrix.
    ManageRoles = "manage_roles",
    EditSettings = "edit_settings",
    ImportMembers = "import_members",
    SeeAudit = "see_audit",
}

impl Permission {
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.as_str() == text)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The matrix a new gym starts with. Stored rows decide; this is what set-up stores.
pub fn default_permissions(role: Role) -> &'static [Permission] {
    use Permission as P;
    match role {
        Role::Owner => Permission::ALL,
        Role::Manager => &[
            P::CheckIn,
            P::Override,
            P::UndoEntry,
            P::ViewMembers,
            P::EditMembers,
            P::SuspendMembers,
            P::IssuePass,
            P::RevokePass,
            P::Sell,
            P::VoidSale,
            P::SellOnCredit,
            P::FreezeSubscriptions,
            P::GiftDays,
            P::CancelSubscriptions,
            P::WaiveTerms,
            P::TransferSubscriptions,
            P::Refund,
            P::WriteOff,
            P::EditHouseholds,
            P::TakeOver,
            P::OpenTill,
            P::CloseTill,
            P::CashMovement,
            P::SeeMoney,
            P::EditPlans,
            P::EditProducts,
            P::MoveStock,
            P::EnterExpenses,
            P::ApproveExpenses,
            P::ManageStaff,
            P::EditSettings,
            P::ImportMembers,
            P::SeeAudit,
        ],
        Role::Reception => &[
            P::CheckIn,
            P::UndoEntry,
            P::ViewMembers,
            P::EditMembers,
            P::IssuePass,
            P::RevokePass,
            P::Sell,
            P::VoidSale,
            P::FreezeSubscriptions,
            P::CancelSubscriptions,
            P::EditHouseholds,
            P::OpenTill,
            P::CloseTill,
            P::CashMovement,
            P::EnterExpenses,
        ],
        Role::Accountant => &[
            P::ViewMembers,
            P::Refund,
            P::WriteOff,
            P::SeeMoney,
            P::EnterExpenses,
            P::ApproveExpenses,
            P::SeeAudit,
        ],
        Role::Trainer => &[P::CheckIn, P::ViewMembers],
        Role::StoreKeeper => &[P::EditProducts, P::MoveStock, P::EnterExpenses],
        Role::Member => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Permission as P;
    use Role as R;

    #[test]
    fn till_shelf_and_bills_belong_to_whom_they_are_given() {
        for (permission, roles) in [
            (P::OpenTill, &[R::Owner, R::Manager, R::Reception][..]),
            (P::CloseTill, &[R::Owner, R::Manager, R::Reception]),
            (P::CashMovement, &[R::Owner, R::Manager, R::Reception]),
            (P::EditProducts, &[R::Owner, R::Manager, R::StoreKeeper]),
            (P::MoveStock, &[R::Owner, R::Manager, R::StoreKeeper]),
            (P::EnterExpenses, &[R::Owner, R::Manager, R::Reception, R::Accountant, R::StoreKeeper]),
            (P::ApproveExpenses, &[R::Owner, R::Manager, R::Accountant]),
        ] {
            for role in R::STAFF {
                let granted = default_permissions(role).contains(&permission);
                assert_eq!(granted, roles.contains(&role), "{role:?} {permission}");
            }
        }
    }
}
