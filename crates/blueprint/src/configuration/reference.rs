//! The printable reference of all knobs.

use std::fmt::Write as _;

use super::knobs::SECTIONS;

/// Every knob with what it takes, its default and its purpose: a Markdown table for each table of the file.
pub fn reference() -> String {
    let mut text = String::new();
    for section in SECTIONS {
        let title = match section.table {
            "" => "At the top".to_owned(),
            table => format!("`[{table}]`"),
        };
        let rows = section.knobs.iter().map(|knob| {
            let key = format!("`{}`", knob.key());
            [key, knob.accepts(), knob.default(), knob.purpose().to_owned()]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::document::read;
    use crate::configuration::knob::list;

    /// What is read is what the message on an unknown key lists: it holds reading and reference together.
    #[test]
    fn the_reference_has_exactly_the_keys_that_are_read() {
        for section in SECTIONS {
            let tables: &[&str] = match section.table {
                "" => &["environments"],
                "environments.<name>" => &["journal", "queue", "ingest"],
                _ => &[],
            };
            let known: Vec<&str> =
                section.knobs.iter().map(|knob| knob.key()).chain(tables.iter().copied()).collect();
            let header = match section.table {
                "" => String::new(),
                table => format!("[{}]", table.replace("<name>", "local")),
            };
            let faults = read(&format!("{header}\nunheard_of = 1\n")).unwrap_err();
            let help: Vec<_> = faults.into_iter().filter_map(|fault| fault.help).collect();
            assert_eq!(help, [format!("there are {}", list(&known, "and"))]);
        }
    }
}
