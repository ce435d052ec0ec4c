//! Names of a city's people: Arabic in both scripts, Latin of many countries, Devanagari.
use super::dice::Dice;
use crate::members::wire::Sex;

/// Lines of `native latin latin...`, most frequent first; an underscore is a space inside a name.
const ARABIC_MALE: &str = include_str!("names/arabic_male.txt");
const ARABIC_FEMALE: &str = include_str!("names/arabic_female.txt");
const ARABIC_FAMILY: &str = include_str!("names/arabic_family.txt");
/// Of this and [`LATIN_FIRST`] the lines take turns: a man's name, a woman's.
const DEVANAGARI_FIRST: &str = include_str!("names/devanagari_first.txt");
const DEVANAGARI_LAST: &str = include_str!("names/devanagari_last.txt");
/// One name a line.
const LATIN_FIRST: &str = include_str!("names/latin_first.txt");
const LATIN_LAST: &str = include_str!("names/latin_last.txt");

/// A name in its own script and its Latin spellings.
#[derive(Clone, Debug)]
struct Pair {
    native: String,
    latin: Vec<String>,
}

/// A full name as a record has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub full: String,
    pub native: Option<String>,
}

/// A family name that the members of a household share.
#[derive(Clone, Debug)]
pub enum Family {
    Arabic { father: usize, family: usize },
    Latin { family: usize },
    Devanagari { family: usize },
}

/// The lists, read once.
pub struct Names {
    arabic_male: Vec<Pair>,
    arabic_female: Vec<Pair>,
    arabic_family: Vec<Pair>,
    devanagari_first: Vec<Pair>,
    devanagari_last: Vec<Pair>,
    latin_first: Vec<&'static str>,
    latin_last: Vec<&'static str>,
}

fn pairs(list: &str) -> Vec<Pair> {
    let spaced = |text: &str| text.replace('_', " ");
    list.lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let native = spaced(words.next()?);
            let latin: Vec<String> = words.map(spaced).collect();
            (!latin.is_empty()).then_some(Pair { native, latin })
        })
        .collect()
}

impl Names {
    pub fn load() -> Self {
        Self {
            arabic_male: pairs(ARABIC_MALE),
            arabic_female: pairs(ARABIC_FEMALE),
            arabic_family: pairs(ARABIC_FAMILY),
            devanagari_first: pairs(DEVANAGARI_FIRST),
            devanagari_last: pairs(DEVANAGARI_LAST),
            latin_first: LATIN_FIRST.lines().filter(|line| !line.is_empty()).collect(),
            latin_last: LATIN_LAST.lines().filter(|line| !line.is_empty()).collect(),
        }
    }

    /// 72 % Arabic, 5 % Devanagari, the others Latin.
    pub fn family(&self, dice: &mut Dice) -> Family {
        match dice.below(100) {
            0..72 => Family::Arabic {
                father: dice.popular(self.arabic_male.len()),
                family: dice.popular(self.arabic_family.len()),
            },
            72..77 => Family::Devanagari { family: dice.popular(self.devanagari_last.len()) },
            _ => Family::Latin { family: dice.popular(self.latin_last.len()) },
        }
    }

    /// Somebody of the family. Of those with a script of their own most are recorded in both, some in one.
    pub fn person(&self, dice: &mut Dice, family: &Family, sex: Sex) -> Name {
        match family {
            Family::Arabic { father, family } => {
                let firsts = if sex == Sex::Male { &self.arabic_male } else { &self.arabic_female };
                let first = &firsts[dice.popular(firsts.len())];
                let (father, family) = (&self.arabic_male[*father], &self.arabic_family[*family]);
                let parts =
                    if dice.per_mille(550) { vec![first, father, family] } else { vec![first, family] };
                both(dice, &parts)
            }
            Family::Devanagari { family } => {
                let first = &self.devanagari_first[of_sex(dice, self.devanagari_first.len(), sex)];
                both(dice, &[first, &self.devanagari_last[*family]])
            }
            Family::Latin { family } => {
                let first = self.latin_first[of_sex(dice, self.latin_first.len(), sex)];
                let last = self.latin_last[*family];
                let full = match dice.below(100) {
                    0..6 => format!("{first} {last}-{}", dice.pick(&self.latin_last)),
                    6..12 => {
                        let second = self.latin_first[of_sex(dice, self.latin_first.len(), sex)];
                        format!("{first} {second} {last}")
                    }
                    _ => format!("{first} {last}"),
                };
                Name { full, native: None }
            }
        }
    }
}

/// Where in a list of first names that take turns.
fn of_sex(dice: &mut Dice, names: usize, sex: Sex) -> usize {
    dice.popular(names / 2) * 2 + usize::from(sex == Sex::Female)
}

fn both(dice: &mut Dice, parts: &[&Pair]) -> Name {
    let native = parts.iter().map(|part| part.native.as_str()).collect::<Vec<_>>().join(" ");
    if dice.per_mille(250) {
        return Name { full: native, native: None };
    }
    let latin: Vec<String> = parts.iter().map(|part| latin(dice, part)).collect();
    Name { full: latin.join(" "), native: dice.per_mille(650).then_some(native) }
}

/// The usual spelling mostly, another one sometimes, and now and then one of its owner's own.
fn latin(dice: &mut Dice, pair: &Pair) -> String {
    let usual = if dice.per_mille(700) { &pair.latin[0] } else { dice.pick(&pair.latin) };
    if !dice.per_mille(80) {
        return usual.clone();
    }
    let (from, to) = dice.pick(&[
        ("ou", "u"),
        ("ee", "i"),
        ("i", "y"),
        ("y", "i"),
        ("ss", "s"),
        ("e", "a"),
        ("a", "aa"),
        ("h", ""),
    ]);
    usual.replacen(from, to, 1)
}
