//! Whether one resource refers to another, by what is observed of them.

use resource::Observed;
use serde_json::Value;

/// Whether `from`'s fields name `to`: its id, or one of its outputs.
pub(super) fn refers(from: &Observed, to: &Observed) -> bool {
    let names: Vec<&str> = std::iter::once(&to.id)
        .chain(to.outputs.values())
        .map(String::as_str)
        .filter(|name| !name.is_empty())
        .collect();
    mentions(&from.spec, &names)
}

fn mentions(value: &Value, names: &[&str]) -> bool {
    match value {
        Value::String(text) => names.iter().any(|name| is_or_is_part_of(text, name)),
        Value::Array(values) => values.iter().any(|value| mentions(value, names)),
        Value::Object(members) => members.values().any(|value| mentions(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether `text` is `name` or a part of what it names, as `<table ARN>/index/*` is of the table.
fn is_or_is_part_of(text: &str, name: &str) -> bool {
    text.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':']))
}
