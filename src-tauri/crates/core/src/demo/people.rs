//! Who the members are: households, names, phones, birthdays, habits.
use super::dice::Dice;
use super::names::{Family, Name, Names};
use crate::members::fold;
use crate::members::wire::Sex;
use chrono::{Days, NaiveDate};

/// A member as the desk typed it in.
pub struct Person {
    pub name: Name,
    pub sex: Sex,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub birth_date: Option<NaiveDate>,
    pub language: &'static str,
}

/// Draws people one after the other; some in a row are a household with one family name and one phone.
pub struct People {
    names: Names,
    household: Option<(Family, String, u64)>,
    today: NaiveDate,
}

impl People {
    pub fn new(today: NaiveDate) -> Self {
        Self { names: Names::load(), household: None, today }
    }

    pub fn draw(&mut self, dice: &mut Dice) -> Person {
        let (family, phone) = if let Some((family, phone, others)) = self.household.take() {
            if others > 1 {
                self.household = Some((family.clone(), phone.clone(), others - 1));
            }
            (family, phone)
        } else {
            let (family, phone) = (self.names.family(dice), phone(dice));
            if dice.per_mille(120) {
                self.household = Some((family.clone(), phone.clone(), 1 + dice.below(3)));
            }
            (family, phone)
        };
        let sex = if dice.per_mille(420) { Sex::Female } else { Sex::Male };
        let name = self.names.person(dice, &family, sex);
        let email = dice.per_mille(550).then(|| email(dice, &name)).flatten();
        let birth_date = dice.per_mille(900).then(|| self.birth_date(dice));
        let language =
            if name.native.is_some() || !name.full.is_ascii() && matches!(family, Family::Arabic { .. }) {
                "ar"
            } else {
                "en"
            };
        let phone = dice.per_mille(960).then_some(phone);
        Person { name, sex, phone, email, birth_date, language }
    }

    /// 15 to 70 years old, most of them around 30.
    fn birth_date(&self, dice: &mut Dice) -> NaiveDate {
        let years = 15 + (dice.below(20) + dice.below(20) + dice.below(20));
        let days = years * 365 + years / 4 + dice.below(365);
        self.today.checked_sub_days(Days::new(days)).unwrap_or(self.today)
    }
}

/// An Egyptian mobile number.
fn phone(dice: &mut Dice) -> String {
    format!("+201{}{:08}", dice.pick(&[0, 1, 2, 5]), dice.below(100_000_000))
}

/// Under names that RFC 2606 keeps free, so that nobody ever gets mail.
fn email(dice: &mut Dice, name: &Name) -> Option<String> {
    let folded = fold::fold(&name.full);
    let words: Vec<&str> = folded.split(' ').filter(|word| word.is_ascii()).collect();
    let (first, last) = (words.first()?, words.last()?);
    let domain = dice.pick(&["example.com", "example.org", "example.net", "mail.example"]);
    let number = dice.below(1_000);
    Some(match dice.below(3) {
        0 => format!("{first}.{last}{number}@{domain}"),
        1 => format!("{first}{number}@{domain}"),
        _ => format!("{last}.{first}{number}@{domain}"),
    })
}
