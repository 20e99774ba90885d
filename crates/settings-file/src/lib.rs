//! A TOML file of settings, as data.
//!
//! Every setting is a [`Knob`]: key, accepted values, default, unit and purpose. Reading ([`Section`]), the messages that mistakes
//! get ([`Problem`]) and the printable [`reference`] all come from it. All mistakes of a file are reported at once.

mod error;
mod knob;
mod problem;
mod reference;
mod section;

pub use error::{Error, Invalid, text};
pub use knob::{
    Documented, Domain, Flag, Knob, Number, NumberOf, OneOf, Required, Text, Texts, Whole, found, list,
    nearest,
};
pub use problem::{Fault, Problem, Source};
pub use reference::{Setting, Table, reference, settings};
pub use section::{Section, as_table, blamed, document};
