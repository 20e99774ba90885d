//! Our tags as ECS has them, and whose a resource is by them.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::Tag;
use resource::{Class, Error, Key, Observed, Owner, Result, Scope};

/// The tags that make a resource ours.
pub(crate) fn write(scope: &Scope, key: &Key) -> Vec<Tag> {
    scope.tags(key).into_iter().map(|(name, value)| Tag::builder().key(name).value(value).build()).collect()
}

/// Tags by name.
pub(crate) fn read(tags: &[Tag]) -> BTreeMap<String, String> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    tags.iter().map(|tag| (text(tag.key()), text(tag.value()))).collect()
}

/// What a create call led to, unless it was there before and is another's.
pub(crate) fn hold<S>(
    operation: &'static str,
    key: &Key,
    what: &str,
    made: Observed<S>,
) -> Result<Observed<S>> {
    let whose = match &made.owner {
        Owner::Us(owner) if owner == key => return Ok(made),
        Owner::Us(owner) => format!("as `{owner}`"),
        Owner::Other(text) => text.clone(),
    };
    let text = format!("a {what} `{}` is there already, {whose}", made.name.as_deref().unwrap_or(&made.id));
    Err(Error::new(operation, key, Class::AlreadyExists, text))
}
