//! Tags as EFS writes them, and the tokens by which it tells a repeated create from another one.

use std::collections::BTreeMap;

use aws_sdk_efs::types::Tag;
use resource::{Class, Error, Key, Result, Scope};
use sha2::{Digest, Sha256};

/// Our tags, for `operation` on the resource with that key.
pub(crate) fn write(operation: &'static str, scope: &Scope, key: &Key) -> Result<Vec<Tag>> {
    let tag = |(name, value)| Tag::builder().key(name).value(value).build();
    let tags: std::result::Result<_, _> = scope.tags(key).into_iter().map(tag).collect();
    tags.map_err(|error| Error::new(operation, key, Class::Fatal, error))
}

pub(crate) fn read(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// The token of a create: 64 characters, as many as EFS takes. It is the same for the same resource made in the `manner`
/// of the last time, so that a create whose reply was lost is not done twice.
pub(crate) fn token(scope: &Scope, key: &Key, manner: &str) -> String {
    let parts = [&scope.project, &scope.environment, key.as_str(), manner].join("\n");
    Sha256::digest(parts).iter().map(|byte| format!("{byte:02x}")).collect()
}
