//! What the attributes of a CloudEvent may be: names, types and characters.

use serde_json::{Map, Value};

use super::{SPECVERSION, uri};
use crate::rejection::{Problem, Rejection};
use crate::{check, escaped_json, number};

/// Attributes that a CloudEvent must have to be an event of ours.
const REQUIRED: [&str; 5] = ["specversion", "id", "source", "type", "time"];

/// Checks all of a CloudEvent but its payload, and brings numbers into their one form.
pub(super) fn check_all(members: &mut Map<String, Value>) -> Result<(), Rejection> {
    for name in REQUIRED {
        let Some(value) = members.get(name) else {
            return Err(Rejection::at_field(name, Problem::MissingAttribute));
        };
        // The version first: another one may have other rules.
        check(name, value).map_err(|problem| Rejection::at_field(name, problem))?;
    }
    for (name, value) in
        members.iter_mut().filter(|(name, _)| !["data", "data_base64"].contains(&name.as_str()))
    {
        if let Value::Number(number) = value {
            number::canonicalise(number).map_err(|_| {
                Rejection::at_field(name, Problem::NotAnAttribute { found: "a fraction or a larger number" })
            })?;
        }
        check(name, value).map_err(|problem| Rejection::at_field(name, problem))?;
    }
    Ok(())
}

/// Whether CloudEvents allows an attribute of this name and value. A number is in its one form.
pub(super) fn check(name: &str, value: &Value) -> Result<(), Problem> {
    let is_letter_or_digit = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    if name.is_empty() || name == "data" || !name.bytes().all(is_letter_or_digit) {
        return Err(Problem::NotAnAttributeName);
    }
    let is_text =
        REQUIRED.contains(&name) || ["requestid", "subject", "dataschema", "datacontenttype"].contains(&name);
    match value {
        Value::String(text) => check_text(name, text),
        other if is_text => Err(check::wrong_type("a string", other)),
        Value::Bool(_) => Ok(()),
        Value::Number(number) if number.as_str().parse::<i32>().is_ok() => Ok(()),
        Value::Number(_) => Err(Problem::NotAnAttribute { found: "a fraction or a larger number" }),
        Value::Object(_) => Err(Problem::NotAnAttribute { found: "an object" }),
        Value::Array(_) => Err(Problem::NotAnAttribute { found: "a list" }),
        Value::Null => Err(Problem::NotAnAttribute { found: "null" }),
    }
}

fn check_text(name: &str, text: &str) -> Result<(), Problem> {
    let problem = match name {
        "specversion" if text != SPECVERSION => {
            Problem::UnknownSpecVersion { found: text.chars().take(16).collect() }
        }
        "id" | "source" | "type" | "requestid" if text.is_empty() => Problem::Empty,
        "subject" if text.is_empty() => Problem::EmptySubject,
        "source" if !uri::is_reference(text) => Problem::NotAUriReference,
        "dataschema" if !uri::is_uri(text) => Problem::NotAUri,
        "datacontenttype" if !is_media_type(text) => Problem::NotAMediaType,
        _ => match text.chars().find(|character| !is_allowed(*character)) {
            Some(character) => Problem::ForbiddenCharacter { character },
            None => return Ok(()),
        },
    };
    Err(problem)
}

/// CloudEvents, "Type System": a string has no control characters and none of Unicode's noncharacters.
fn is_allowed(character: char) -> bool {
    let code = u32::from(character);
    !character.is_control() && !matches!(code, 0xfdd0..=0xfdef) && code & 0xfffe != 0xfffe
}

/// An object as JSON text of allowed characters alone.
pub(super) fn json_text(object: &Map<String, Value>) -> String {
    // Writing maps with text keys into memory cannot fail.
    let json = serde_json::to_string(object).unwrap_or_default();
    escaped_json(&json, |character| !is_allowed(character))
}

/// Whether data of this content type is JSON: a subtype `json`, or one that ends in `+json` (JSON Event Format, 3.1.1).
pub(super) fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    essence.split_once('/').is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

/// Whether it begins as RFC 2045's content type does; parameters are their sender's.
fn is_media_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim_end();
    let is_token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte))
    };
    essence.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_known_by_its_content_type() {
        let json = [
            "application/json",
            "APPLICATION/JSON; charset=utf-8",
            "application/vnd.a+json",
            "text/json ;a=b",
        ];
        let others = ["text/plain", "application/xml", "application/jsonl", "json", "application/x-json-not"];
        assert!(json.iter().all(|text| is_json(text) && is_media_type(text)));
        assert!(!others.iter().any(|text| is_json(text)));
    }

    #[test]
    fn a_content_type_has_type_and_subtype() {
        let wrong = ["", "json", "/json", "text/", "text /plain", "a/b/c", "text/plain,", "text/é"];
        assert!(!wrong.iter().any(|text| is_media_type(text)));
    }
}
