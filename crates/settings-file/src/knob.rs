//! What a knob is, and the kinds of values that knobs take.

use std::fmt::Display;
use std::num::NonZeroU16;

use toml::de::{DeInteger, DeValue};

/// One setting of the file, as data.
pub struct Knob<D: Domain> {
    /// Its key. A number's key ends in its unit, unless it counts things.
    pub key: &'static str,
    /// The values that it takes.
    pub takes: D,
    /// Its value where the file leaves it out.
    pub default: D::Value,
    /// Whether only a local environment may leave it out.
    pub required: bool,
    /// What it does, and why the default is what it is: for the reference.
    pub purpose: &'static str,
}

/// A set of values: how one is read from TOML, and how the set and its members are described.
pub trait Domain {
    /// A member.
    type Value: Clone;
    /// The member that `value` stands for, if it does for one.
    fn read(&self, value: &DeValue<'_>) -> Option<Self::Value>;
    /// All members, so that it can follow "takes".
    fn accepts(&self) -> String;
    /// A member as it is written in TOML.
    fn show(&self, value: &Self::Value) -> String;
    /// What was likely meant by a `value` that isn't a member, as it is written in TOML.
    fn suggest(&self, _value: &DeValue<'_>) -> Option<String> {
        None
    }
}

/// What the reference tells of a knob, whatever its kind.
pub trait Documented: Sync {
    /// The key.
    fn key(&self) -> &'static str;
    /// The accepted values and their unit.
    fn accepts(&self) -> String;
    /// What holds where the file leaves it out.
    fn default(&self) -> String;
    /// What it does.
    fn purpose(&self) -> &'static str;
}

impl<D: Domain<Value: Sync> + Sync> Documented for Knob<D> {
    fn key(&self) -> &'static str {
        self.key
    }

    fn accepts(&self) -> String {
        self.takes.accepts()
    }

    fn default(&self) -> String {
        let default = self.takes.show(&self.default);
        if self.required { format!("required; local: {default}") } else { default }
    }

    fn purpose(&self) -> &'static str {
        self.purpose
    }
}

/// A knob that every file must have, whose default is of no meaning.
pub struct Required<D: Domain>(pub Knob<D>);

impl<D: Domain<Value: Sync> + Sync> Documented for Required<D> {
    fn key(&self) -> &'static str {
        self.0.key
    }

    fn accepts(&self) -> String {
        self.0.takes.accepts()
    }

    fn default(&self) -> String {
        "required".to_owned()
    }

    fn purpose(&self) -> &'static str {
        self.0.purpose
    }
}

/// Whole numbers from `min` to `max`, of `unit`s.
pub struct Number<T> {
    /// The least.
    pub min: T,
    /// The most.
    pub max: T,
    /// What is counted, in the plural.
    pub unit: &'static str,
}

/// A type of whole numbers, each as narrow as its knob, so that AWS's wider ones take it as it is.
pub trait Whole: Copy {
    /// That number, if the type has it.
    fn new(number: u32) -> Option<Self>;
    /// The number.
    fn get(self) -> u32;
}

impl Whole for u16 {
    fn new(number: u32) -> Option<Self> {
        number.try_into().ok()
    }

    fn get(self) -> u32 {
        self.into()
    }
}

impl Whole for u32 {
    fn new(number: u32) -> Option<Self> {
        Some(number)
    }

    fn get(self) -> u32 {
        self
    }
}

impl Whole for NonZeroU16 {
    fn new(number: u32) -> Option<Self> {
        u16::try_from(number).ok().and_then(NonZeroU16::new)
    }

    fn get(self) -> u32 {
        NonZeroU16::get(self).into()
    }
}

impl<T: Whole> Number<T> {
    fn member(&self, number: u32) -> Option<T> {
        (self.min.get()..=self.max.get()).contains(&number).then(|| T::new(number)).flatten()
    }
}

impl<T: Whole> Domain for Number<T> {
    type Value = T;

    fn read(&self, value: &DeValue<'_>) -> Option<T> {
        self.member(integer(value.as_integer()?)?.try_into().ok()?)
    }

    fn accepts(&self) -> String {
        format!("{} to {} {}", self.show(&self.min), self.show(&self.max), self.unit)
    }

    fn show(&self, value: &T) -> String {
        grouped(value.get())
    }

    fn suggest(&self, value: &DeValue<'_>) -> Option<String> {
        self.member(value.as_str()?.parse().ok()?).map(|number| self.show(&number))
    }
}

/// Some numbers, in rising order, of `unit`s.
pub struct NumberOf {
    /// The numbers.
    pub numbers: &'static [u16],
    /// What is counted, in the plural.
    pub unit: &'static str,
}

impl Domain for NumberOf {
    type Value = u16;

    fn read(&self, value: &DeValue<'_>) -> Option<u16> {
        let number = integer(value.as_integer()?)?;
        self.numbers.iter().copied().find(|accepted| i128::from(*accepted) == number)
    }

    fn accepts(&self) -> String {
        let numbers: Vec<String> = self.numbers.iter().map(u16::to_string).collect();
        format!("{} {}", list_plain(&numbers, "or"), self.unit)
    }

    fn show(&self, value: &u16) -> String {
        value.to_string()
    }

    /// The next number up, since what is counted here are days to keep something.
    fn suggest(&self, value: &DeValue<'_>) -> Option<String> {
        let number = integer(value.as_integer()?)?;
        self.numbers.iter().find(|accepted| i128::from(**accepted) >= number).map(u16::to_string)
    }
}

/// One of some words, each of which stands for a value.
pub struct OneOf<T: 'static>(pub &'static [(&'static str, T)]);

impl<T: Copy + PartialEq> Domain for OneOf<T> {
    type Value = T;

    fn read(&self, value: &DeValue<'_>) -> Option<T> {
        let word = value.as_str()?;
        self.0.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
    }

    fn accepts(&self) -> String {
        let words: Vec<String> = self.0.iter().map(|(name, _)| format!("{name:?}")).collect();
        list_plain(&words, "or")
    }

    fn show(&self, value: &T) -> String {
        let word = self.0.iter().find(|(_, member)| member == value).map(|(name, _)| *name);
        format!("{:?}", word.unwrap_or_default())
    }

    fn suggest(&self, value: &DeValue<'_>) -> Option<String> {
        let words: Vec<&str> = self.0.iter().map(|(name, _)| *name).collect();
        nearest(value.as_str()?, &words).map(|word| format!("{word:?}"))
    }
}

/// `true` or `false`.
pub struct Flag;

impl Domain for Flag {
    type Value = bool;

    fn read(&self, value: &DeValue<'_>) -> Option<bool> {
        value.as_bool()
    }

    fn accepts(&self) -> String {
        "true or false".to_owned()
    }

    fn show(&self, value: &bool) -> String {
        value.to_string()
    }

    fn suggest(&self, value: &DeValue<'_>) -> Option<String> {
        match value.as_str()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some("true".to_owned()),
            "false" | "no" | "off" => Some("false".to_owned()),
            _ => None,
        }
    }
}

/// A text of some shape, made a value of by `read`.
pub struct Text<T> {
    /// The shape, so that it can follow "takes".
    pub accepts: &'static str,
    /// What a text stands for, if it is of that shape.
    pub read: fn(&str) -> Option<T>,
    /// A value as it is written in TOML.
    pub show: fn(&T) -> String,
}

impl<T: Clone> Domain for Text<T> {
    type Value = T;

    fn read(&self, value: &DeValue<'_>) -> Option<T> {
        (self.read)(value.as_str()?)
    }

    fn accepts(&self) -> String {
        self.accepts.to_owned()
    }

    fn show(&self, value: &T) -> String {
        (self.show)(value)
    }

    fn suggest(&self, value: &DeValue<'_>) -> Option<String> {
        let text = match value {
            DeValue::String(text) => text.trim().to_ascii_lowercase(),
            DeValue::Integer(number) => number.to_string(),
            _ => return None,
        };
        (self.read)(&text).map(|value| self.show(&value))
    }
}

/// A list of texts of some shape, each made a value of by `read`.
pub struct Texts<T> {
    /// The shape, so that it can follow "takes".
    pub accepts: &'static str,
    /// What a text stands for, if it is of that shape.
    pub read: fn(&str) -> Option<T>,
    /// A value as it is written in TOML.
    pub show: fn(&T) -> String,
}

impl<T: Clone> Domain for Texts<T> {
    type Value = Vec<T>;

    fn read(&self, value: &DeValue<'_>) -> Option<Vec<T>> {
        value.as_array()?.iter().map(|text| (self.read)(text.get_ref().as_str()?)).collect()
    }

    fn accepts(&self) -> String {
        self.accepts.to_owned()
    }

    fn show(&self, values: &Vec<T>) -> String {
        let values: Vec<String> = values.iter().map(self.show).collect();
        format!("[{}]", values.join(", "))
    }

    fn suggest(&self, value: &DeValue<'_>) -> Option<String> {
        (self.read)(value.as_str()?).map(|one| self.show(&vec![one]))
    }
}

/// A whole number of any radix; a number beyond 128 bits is out of every range anyway.
fn integer(number: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(number.as_str(), number.radix()).ok()
}

/// The longest list that a message shows, in bytes.
const SHOWN: usize = 80;

/// A value as messages show it: short, and recognisable as what the file has.
pub fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date or time".to_owned(),
        DeValue::Array(values) => texts(values).unwrap_or_else(|| "an array".to_owned()),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// A short list of texts as it is written.
fn texts(values: &[toml::Spanned<DeValue<'_>>]) -> Option<String> {
    let quoted =
        |value: &toml::Spanned<DeValue<'_>>| value.get_ref().as_str().map(|text| format!("{text:?}"));
    let shown: Vec<String> = values.iter().map(quoted).collect::<Option<_>>()?;
    let shown = shown.join(", ");
    (shown.len() <= SHOWN).then(|| format!("[{shown}]"))
}

/// The name that `wrong` is most likely a slip of: within a third of its letters, hyphens and underscores being alike.
pub fn nearest<'a>(wrong: &str, names: &[&'a str]) -> Option<&'a str> {
    let plain = |name: &str| name.to_ascii_lowercase().replace('-', "_");
    let wrong = plain(wrong);
    names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&wrong, &plain(name)), *name))
        .filter(|(distance, name)| *distance <= name.len().max(wrong.len()).max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Names in a sentence: "`a`, `b` and `c`".
pub fn list(names: &[&str], conjunction: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    list_plain(&quoted, conjunction)
}

fn list_plain(words: &[impl Display], conjunction: &str) -> String {
    match words {
        [] => "none".to_owned(),
        [only] => only.to_string(),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(ToString::to_string).collect();
            format!("{} {conjunction} {last}", first.join(", "))
        }
    }
}

/// A number as TOML takes it, digits in groups from five on: 345_600.
fn grouped(number: u32) -> String {
    match (number / 1_000_000, number / 1_000 % 1_000, number % 1_000) {
        (0, thousands, ones) if thousands >= 10 => format!("{thousands}_{ones:03}"),
        (0, ..) => number.to_string(),
        (millions, thousands, ones) => format!("{millions}_{thousands:03}_{ones:03}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_its_name() {
        let names = ["index_shards", "deletion_protection", "dev", "prod"];
        for (wrong, right) in [
            ("index_shard", Some("index_shards")),
            ("index-shards", Some("index_shards")),
            ("Deletion_Protecton", Some("deletion_protection")),
            ("pord", Some("prod")),
            ("de", Some("dev")),
            ("shards", None),
            ("x", None),
        ] {
            assert_eq!(nearest(wrong, &names), right, "{wrong}");
        }
    }

    #[test]
    fn numbers_are_grouped_as_toml_allows() {
        let shown = [0, 999, 3_653, 10_000, 345_600, 1_209_600].map(grouped);
        assert_eq!(shown, ["0", "999", "3653", "10_000", "345_600", "1_209_600"]);
    }
}
