//! The families against EC2 in memory, which fails and lags where it is told to: every race that an emulator does not show.

mod cloud;
mod connections;
mod delete;
mod groups;
mod rules;

use std::collections::BTreeMap;

use aws_env::scripted::{Reply, Request};
use resource::{Key, Scope};

pub(crate) fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

pub(crate) fn key(text: &str) -> Key {
    text.parse().unwrap()
}

/// The tags that make a resource ours.
pub(crate) fn tags(of: &str) -> BTreeMap<String, String> {
    scope().tags(&key(of))
}

/// An error as EC2 writes it.
pub(crate) fn error(code: &str, message: &str) -> Reply {
    Reply::xml(
        400,
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>0</RequestID></Response>"
        ),
    )
}

pub(crate) fn answer(operation: &str, inside: &str) -> Reply {
    Reply::xml(200, format!("<{operation}Response><requestId>0</requestId>{inside}</{operation}Response>"))
}

pub(crate) fn tag_set(tags: &BTreeMap<String, String>) -> String {
    let item =
        |(key, value): (&String, &String)| format!("<item><key>{key}</key><value>{value}</value></item>");
    format!("<tagSet>{}</tagSet>", tags.iter().map(item).collect::<String>())
}

/// The parameters of a request, without those that all requests have.
pub(crate) fn parameters(request: &Request) -> BTreeMap<String, String> {
    let pairs = request.body.split('&').filter_map(|pair| pair.split_once('='));
    let decoded = pairs.map(|(name, value)| (decode(name), decode(value)));
    decoded.filter(|(name, _)| name != "Action" && name != "Version").collect()
}

fn decode(text: &str) -> String {
    let (mut bytes, mut decoded) = (text.bytes(), Vec::new());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).unwrap()
}

/// The values of `Name.1`, `Name.2`, ….
pub(crate) fn values(parameters: &BTreeMap<String, String>, name: &str) -> Vec<String> {
    (1..).map_while(|n| parameters.get(&format!("{name}.{n}")).cloned()).collect()
}

/// Keys and values of `<prefix>Tag.1`, `<prefix>Tag.2`, ….
pub(crate) fn sent_tags(parameters: &BTreeMap<String, String>, prefix: &str) -> BTreeMap<String, String> {
    (1..)
        .map_while(|n| {
            let member = |member| parameters.get(&format!("{prefix}Tag.{n}.{member}")).cloned();
            Some((member("Key")?, member("Value")?))
        })
        .collect()
}
