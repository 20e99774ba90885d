//! Tags as the SDK has them.

use std::{collections::BTreeMap, fmt};

use aws_env::At;
use aws_sdk_servicediscovery::{Client, types::Tag};
use resource::{Class, Error, Result};

pub(crate) type Tags = BTreeMap<String, String>;

/// Tags for a request of `operation`.
pub(crate) fn written(operation: &'static str, resource: impl fmt::Display, tags: Tags) -> Result<Vec<Tag>> {
    let built = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    built.collect::<std::result::Result<_, _>>().map_err(|e| Error::new(operation, resource, Class::Fatal, e))
}

/// The tags of the resource with this ARN; `None` where it is gone.
pub(crate) async fn read(client: &Client, operation: &'static str, arn: &str) -> Result<Option<Tags>> {
    match client.list_tags_for_resource().resource_arn(arn).send().await.at(operation, arn) {
        Ok(tagged) => {
            let tags = tagged.tags.unwrap_or_default().into_iter();
            Ok(Some(tags.map(|tag| (tag.key, tag.value)).collect()))
        }
        Err(error) if error.class == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
