//! A table of the file as it is read: what is asked of it, and what is wrong with it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::knob::{Domain, Knob, found, list, nearest};
use crate::problem::Fault;
use crate::reference::Table;

/// The document's top table.
///
/// # Errors
/// Mistakes of syntax, which hide all others.
pub fn document(text: &str) -> Result<Spanned<DeTable<'_>>, Vec<Fault>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        Ok(document)
    } else {
        Err(errors.iter().map(|error| syntax(text, error)).collect())
    }
}

/// A table that is being read. What nobody asked for when it is finished is an unknown key.
pub struct Section<'a, 'f> {
    file: &'static [Table],
    path: String,
    table: Option<&'a DeTable<'a>>,
    place: Range<usize>,
    asked: Vec<&'static str>,
    faults: &'f mut Vec<Fault>,
}

impl<'a, 'f> Section<'a, 'f> {
    /// The table at `path` (empty at the top), `None` where the file leaves it out, of a file that has the tables `file`. What is
    /// missing in it is missing at `place`.
    pub fn new(
        file: &'static [Table],
        path: String,
        table: Option<&'a DeTable<'a>>,
        place: Range<usize>,
        faults: &'f mut Vec<Fault>,
    ) -> Self {
        Self { file, path, table, place, asked: Vec::new(), faults }
    }

    /// The knob's value, or its default where the file leaves it out or has it wrong (which is a fault).
    pub fn get<D: Domain>(&mut self, knob: &'static Knob<D>) -> D::Value {
        self.asked.push(knob.key);
        let Some(written) = self.table.and_then(|table| table.get(knob.key)) else {
            return knob.default.clone();
        };
        knob.takes.read(written.get_ref()).unwrap_or_else(|| {
            self.faults.push(bad_value(knob, written));
            knob.default.clone()
        })
    }

    /// The same for a knob that the file must have. One that is there misspelt is an unknown key, and told as such.
    pub fn require<D: Domain>(&mut self, knob: &'static Knob<D>) -> D::Value {
        let meant = |key: &Spanned<_>| nearest(AsRef::<str>::as_ref(key.get_ref()), &[knob.key]).is_some();
        if !self.table.into_iter().flatten().any(|(key, _)| meant(key)) {
            self.faults.push(Fault {
                place: Some(self.place.clone()),
                message: format!("`{}` is missing in [{}]", knob.key, self.path),
                help: Some(format!("add it: {}", knob.takes.accepts())),
                note: Some(knob.purpose.to_owned()),
            });
        }
        self.get(knob)
    }

    /// What `read` makes of the file at `path`, which the knob names; empty where that cannot be, which is a fault.
    pub fn file<D: Domain, T: Default>(
        &mut self,
        knob: &'static Knob<D>,
        path: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        read(path).unwrap_or_else(|why| {
            let written = self.table.and_then(|table| table.get(knob.key));
            self.faults.push(Fault {
                place: Some(written.map_or_else(|| self.place.clone(), Spanned::span)),
                message: format!("`{}`, the file {path:?}, {why}", knob.key),
                help: Some(format!("it takes {}", knob.takes.accepts())),
                note: Some(knob.purpose.to_owned()),
            });
            T::default()
        })
    }

    /// The table under `key`, if there is one, and its place.
    pub fn table(&mut self, key: &'static str) -> (Option<&'a DeTable<'a>>, Range<usize>) {
        self.asked.push(key);
        match self.table.and_then(|table| table.get(key)) {
            None => (None, self.place.clone()),
            Some(value) => (as_table(&self.child(key), value, self.faults), value.span()),
        }
    }

    /// What `read` makes of the table under `key`; of its defaults alone where there is none.
    pub fn within<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_, '_>) -> T) -> T {
        let (table, place) = self.table(key);
        let mut section = Section::new(self.file, self.child(key), table, place, self.faults);
        let value = read(&mut section);
        section.finish();
        value
    }

    /// The tables of the list under `key`, each with its place; none where the file leaves it out.
    pub fn tables(&mut self, key: &'static str) -> Vec<(&'a DeTable<'a>, Range<usize>)> {
        self.asked.push(key);
        let Some(value) = self.table.and_then(|table| table.get(key)) else { return Vec::new() };
        let path = self.child(key);
        let Some(list) = value.get_ref().as_array() else {
            self.faults.push(Fault {
                place: Some(value.span()),
                message: format!("`{path}` must be a list of tables, not {}", found(value.get_ref())),
                help: Some(format!("begin each of them with [[{path}]]")),
                note: None,
            });
            return Vec::new();
        };
        list.iter()
            .filter_map(|entry| Some((as_table(&format!("[{path}]"), entry, self.faults)?, entry.span())))
            .collect()
    }

    /// The place of the value under `key`, or of the table where the file leaves it out.
    pub fn place(&self, key: &str) -> Range<usize> {
        blamed(self.table, &[key]).unwrap_or_else(|| self.place.clone())
    }

    fn child(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Every key that was not asked for is unknown.
    pub fn finish(self) {
        for key in self.table.into_iter().flatten().map(|(key, _)| key) {
            if !self.asked.contains(&key.get_ref().as_ref()) {
                self.faults.push(unknown_key(self.file, &self.path, &self.asked, key));
            }
        }
    }
}

/// The table that `value` is; another value is a fault.
pub fn as_table<'a>(
    path: &str,
    value: &'a Spanned<DeValue<'a>>,
    faults: &mut Vec<Fault>,
) -> Option<&'a DeTable<'a>> {
    let table = value.get_ref().as_table();
    if table.is_none() {
        faults.push(Fault {
            place: Some(value.span()),
            message: format!("`{path}` must be a table, not {}", found(value.get_ref())),
            help: Some(format!("write its keys under [{path}]")),
            note: None,
        });
    }
    table
}

fn bad_value<D: Domain>(knob: &Knob<D>, written: &Spanned<DeValue<'_>>) -> Fault {
    let suggestion = knob.takes.suggest(written.get_ref());
    Fault {
        place: Some(written.span()),
        message: format!(
            "`{}` is {}, but takes {}",
            knob.key,
            found(written.get_ref()),
            knob.takes.accepts()
        ),
        help: suggestion.map(|value| format!("did you mean `{} = {value}`?", knob.key)),
        note: Some(knob.purpose.to_owned()),
    }
}

fn unknown_key(
    file: &'static [Table],
    path: &str,
    asked: &[&'static str],
    key: &Spanned<impl AsRef<str>>,
) -> Fault {
    let name = key.get_ref().as_ref();
    let place = if path.is_empty() { "at the top of the file".to_owned() } else { format!("in [{path}]") };
    let help = nearest(name, asked)
        .map(|near| format!("did you mean `{near}`?"))
        .or_else(|| elsewhere(file, path, name))
        .unwrap_or_else(|| format!("there are {}", list(asked, "and")));
    Fault {
        place: Some(key.span()),
        message: format!("unknown key `{name}` {place}"),
        help: Some(help),
        note: None,
    }
}

/// Where a key that is unknown in one table belongs, if another table knows it.
fn elsewhere(file: &'static [Table], path: &str, key: &str) -> Option<String> {
    let section = file.iter().find(|section| section.knobs.iter().any(|knob| knob.key() == key))?;
    let environment = path.split('.').nth(1).unwrap_or("<name>");
    Some(match section.table {
        "" => format!("`{key}` belongs at the top of the file, above all tables"),
        table => format!("`{key}` belongs in [{}]", table.replace("<name>", environment)),
    })
}

/// The place of the value of the first of `keys` that is written; each is a path below `table`.
pub fn blamed(table: Option<&DeTable<'_>>, keys: &[&str]) -> Option<Range<usize>> {
    let written = |path: &&str| {
        let mut parts = path.split('.');
        let value = table?.get(parts.next()?)?;
        parts.try_fold(value, |value, part| value.get_ref().as_table()?.get(part)).map(Spanned::span)
    };
    keys.iter().find_map(written)
}

/// What the TOML parser found. It names no key, so a key that is there twice is taken from the text.
fn syntax(text: &str, error: &toml::de::Error) -> Fault {
    let written = error.span().and_then(|place| text.get(place)).unwrap_or_default();
    let duplicate = error.message() == "duplicate key";
    Fault {
        place: error.span(),
        message: if duplicate { format!("`{written}` is there twice") } else { error.message().to_owned() },
        help: duplicate.then(|| "keep one of them".to_owned()),
        note: None,
    }
}
