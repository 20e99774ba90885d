//! The printable reference of all knobs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::knob::Documented;

/// A table of a file and the knobs in it. `<name>` in its path stands for any name.
pub struct Table {
    /// Its path; empty at the top.
    pub table: &'static str,
    /// Its knobs.
    pub knobs: &'static [&'static dyn Documented],
}

/// What there is to know of a knob, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The table of the file that it stands in; empty at the top.
    pub table: &'static str,
    /// Its key there.
    pub key: &'static str,
    /// What it accepts, with the unit.
    pub takes: String,
    /// What holds where the file leaves it out.
    pub default: String,
    /// What it does.
    pub purpose: &'static str,
}

/// Every knob, in the order of the reference.
pub fn settings(file: &'static [Table]) -> impl Iterator<Item = Setting> {
    file.iter().flat_map(|section| {
        section.knobs.iter().map(|knob| Setting {
            table: section.table,
            key: knob.key(),
            takes: knob.accepts(),
            default: knob.default(),
            purpose: knob.purpose(),
        })
    })
}

/// Every knob with what it takes, its default and its purpose: a Markdown table for each table of the file.
pub fn reference(file: &'static [Table]) -> String {
    let mut text = String::new();
    for section in file {
        let title = match section.table {
            "" => "At the top".to_owned(),
            table => format!("`[{table}]`"),
        };
        let rows = settings(file).filter(|setting| setting.table == section.table).map(|setting| {
            [format!("`{}`", setting.key), setting.takes, setting.default, setting.purpose.to_owned()]
        });
        let rows: Vec<[String; 4]> =
            std::iter::once(["Key", "Takes", "Default", "Purpose"].map(str::to_owned)).chain(rows).collect();
        let _ = write!(text, "{title}\n\n{}\n", table(&rows));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Aligned but for the last column, whose sentences are too long to be padded.
fn table(rows: &[[String; 4]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let [key, takes, default] = [0, 1, 2].map(width);
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let _ = writeln!(text, "| {:key$} | {:takes$} | {:default$} | {} |", row[0], row[1], row[2], row[3]);
        if index == 0 {
            let _ = writeln!(
                text,
                "|{:-<1$}|{2:-<3$}|{4:-<5$}|---|",
                "",
                key + 2,
                "",
                takes + 2,
                "",
                default + 2
            );
        }
    }
    text
}
