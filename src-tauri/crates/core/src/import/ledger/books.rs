//! Who owes what, and which payment settles it. Pure: the rehearsal and the import decide by the same steps.
use crate::ids::{ChargeId, MemberId, SubscriptionId};
use std::collections::HashMap;
use uuid::Uuid;

/// Part of a payment that settles a charge, in minor units.
pub type Part = (ChargeId, i64);

/// An imported payment as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paid {
    /// Not used for any charge.
    pub unallocated: i64,
    /// What it settles, in the order it was used.
    pub parts: Vec<Part>,
}

/// What is owed on imported charges, and what imported payments are used for.
#[derive(Clone, Debug, Default)]
pub struct Books {
    owed: HashMap<ChargeId, i64>,
    of_subscription: HashMap<SubscriptionId, Vec<ChargeId>>,
    of_member: HashMap<MemberId, Vec<ChargeId>>,
    payments: HashMap<Uuid, Paid>,
}

impl Books {
    /// An open charge. The one due longest comes first.
    pub fn charge(&mut self, id: ChargeId, subscription: SubscriptionId, payer: MemberId, owed: i64) {
        self.owed.insert(id, owed);
        self.of_subscription.entry(subscription).or_default().push(id);
        self.of_member.entry(payer).or_default().push(id);
    }

    /// A payment that came in earlier.
    pub fn paid(&mut self, key: Uuid, paid: Paid) {
        self.payments.insert(key, paid);
    }

    /// A payment for one subscription. What is above its charge stays credit.
    pub fn pay_for(&mut self, key: Uuid, subscription: SubscriptionId, amount: i64) -> Vec<Part> {
        let charges = self.of_subscription.get(&subscription).cloned().unwrap_or_default();
        self.settle(key, &charges, amount)
    }

    /// A payment for whatever the member owes.
    pub fn pay(&mut self, key: Uuid, payer: MemberId, amount: i64) -> Vec<Part> {
        let charges = self.of_member.get(&payer).cloned().unwrap_or_default();
        self.settle(key, &charges, amount)
    }

    fn settle(&mut self, key: Uuid, charges: &[ChargeId], amount: i64) -> Vec<Part> {
        let mut left = amount;
        let mut parts = Vec::new();
        for charge in charges {
            let Some(owed) = self.owed.get_mut(charge) else { continue };
            let part = left.min(*owed);
            if part > 0 {
                *owed -= part;
                left -= part;
                parts.push((*charge, part));
            }
        }
        self.payments.insert(key, Paid { unallocated: left, parts: parts.clone() });
        parts
    }

    /// Gives back a part of a payment: first what is credit, then what it was used for last. Answers with what is
    /// taken off those charges; `None` when less is left of the payment.
    pub fn refund(&mut self, key: Uuid, amount: i64) -> Option<Vec<Part>> {
        let paid = self.payments.get_mut(&key)?;
        let used: i64 = paid.parts.iter().map(|(_, part)| part).sum();
        if amount > paid.unallocated.checked_add(used)? {
            return None;
        }
        let of_credit = amount.min(paid.unallocated);
        paid.unallocated -= of_credit;
        let mut left = amount - of_credit;
        let mut taken_off = Vec::new();
        while left > 0
            && let Some((charge, part)) = paid.parts.pop()
        {
            let taken = left.min(part);
            left -= taken;
            taken_off.push((charge, taken));
            if taken < part {
                paid.parts.push((charge, part - taken));
            }
        }
        Some(taken_off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn charge(number: u128) -> ChargeId {
        ChargeId(Uuid::from_u128(number))
    }

    fn subscription(number: u128) -> SubscriptionId {
        SubscriptionId(Uuid::from_u128(number))
    }

    const MEMBER: MemberId = MemberId(Uuid::from_u128(1));

    fn key(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn books(owed: &[i64]) -> Books {
        let mut books = Books::default();
        for (number, owed) in (1..).zip(owed) {
            books.charge(charge(number), subscription(number), MEMBER, *owed);
        }
        books
    }

    #[test]
    fn a_payment_settles_what_is_owed_longest_and_the_rest_is_credit() {
        let mut books = books(&[300, 200]);
        assert_eq!(books.pay(key(1), MEMBER, 400), [(charge(1), 300), (charge(2), 100)]);
        assert_eq!(books.pay(key(2), MEMBER, 150), [(charge(2), 100)]);
        assert_eq!(books.payments[&key(2)].unallocated, 50);
    }

    #[test]
    fn a_payment_for_one_subscription_leaves_the_others_alone() {
        let mut books = books(&[300, 200]);
        assert_eq!(books.pay_for(key(1), subscription(2), 250), [(charge(2), 200)]);
        assert_eq!(books.payments[&key(1)].unallocated, 50);
        assert_eq!(books.pay_for(key(2), subscription(9), 10), []);
    }

    #[test]
    fn a_refund_takes_the_credit_first_and_then_what_was_paid_last() {
        let mut books = books(&[300, 200]);
        books.pay(key(1), MEMBER, 550);
        assert_eq!(books.refund(key(1), 551), None);
        assert_eq!(books.refund(key(1), 40).expect("credit"), []);
        assert_eq!(books.refund(key(1), 260).expect("paid"), [(charge(2), 200), (charge(1), 50)]);
        assert_eq!(books.refund(key(1), 250).expect("the rest"), [(charge(1), 250)]);
        assert_eq!(books.refund(key(1), 1), None);
        assert_eq!(books.refund(key(7), 1), None);
    }

    proptest! {
        #[test]
        fn no_minor_unit_is_lost_or_made(
            owed in prop::collection::vec(0_i64..1_000, 0..6),
            steps in prop::collection::vec((0_u128..5, 0_u128..7, 1_i64..800), 0..20),
        ) {
            let mut books = books(&owed);
            let (mut paid, mut returned, mut taken_off) = (0, 0, 0);
            for (number, (of, which, amount)) in (100..).zip(steps) {
                if of < 2 {
                    let parts = if of == 0 {
                        books.pay(key(number), MEMBER, amount)
                    } else {
                        books.pay_for(key(number), subscription(which), amount)
                    };
                    prop_assert!(parts.iter().all(|(_, part)| *part > 0));
                    paid += amount;
                } else if let Some(parts) = books.refund(key(number - of), amount) {
                    returned += amount;
                    taken_off += parts.iter().map(|(_, part)| part).sum::<i64>();
                }
            }
            let still_owed: i64 = books.owed.values().sum();
            let credit: i64 = books.payments.values().map(|paid| paid.unallocated).sum();
            let used: i64 = books.payments.values().flat_map(|paid| &paid.parts).map(|(_, part)| part).sum();
            prop_assert!(books.owed.values().all(|owed| *owed >= 0));
            prop_assert_eq!(paid, returned + credit + used);
            prop_assert_eq!(owed.iter().sum::<i64>(), still_owed + used + taken_off);
        }
    }
}
