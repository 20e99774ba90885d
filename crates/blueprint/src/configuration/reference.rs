//! The printable reference of all knobs.

use settings_file::Setting;

use super::knobs::SECTIONS;

/// Every knob, in the order of the reference.
pub fn settings() -> impl Iterator<Item = Setting> {
    settings_file::settings(SECTIONS)
}

/// Every knob with what it takes, its default and its purpose: a Markdown table for each table of the file.
pub fn reference() -> String {
    settings_file::reference(SECTIONS)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::configuration::document::read;
    use settings_file::list;

    /// What is read is what the message on an unknown key lists: it holds reading and reference together.
    #[test]
    fn the_reference_has_exactly_the_keys_that_are_read() {
        for section in SECTIONS {
            let tables: &[&str] = match section.table {
                "" => &["environments"],
                "environments.<name>" => &[
                    "journal",
                    "queue",
                    "ingest",
                    "network",
                    "eventstore",
                    "backup",
                    "relay",
                    "gateway",
                    "alarms",
                ],
                _ => &[],
            };
            let known: Vec<&str> =
                section.knobs.iter().map(|knob| knob.key()).chain(tables.iter().copied()).collect();
            let header = match section.table {
                "" => String::new(),
                table => format!("[{}]", table.replace("<name>", "local")),
            };
            let text = format!("{header}\nunheard_of = 1\n");
            let faults = read(&text, Path::new("")).unwrap_err();
            let help: Vec<_> = faults.into_iter().filter_map(|fault| fault.help).collect();
            assert_eq!(help, [format!("there are {}", list(&known, "and"))]);
        }
    }
}
