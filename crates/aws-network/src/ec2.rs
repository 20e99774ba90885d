//! What the families of EC2 share: tags, filters, and the ways to wait for it.

use std::{collections::BTreeMap, future::Future, time::Duration};

use aws_env::{At, Patience, create_once, retry_while, wait_until};
use aws_sdk_ec2::{
    Client,
    config::{Builder, Config, retry::RetryConfig},
    types::{Filter, ResourceType, Tag, TagSpecification},
};
use resource::{Class, Desired, Error, Key, Observed, Owner, Progress, Result, Scope, Spec};

/// For an id that EC2 gave a moment ago and does not find everywhere yet:
/// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>
pub(crate) const FRESH: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(5), Duration::from_secs(120));

/// How long a describing call may show what was before a change.
pub(crate) const STALE: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(2), Duration::from_secs(60));

/// For what depends on a resource and is going away by itself.
pub(crate) const SETTLE: Patience =
    Patience::new(Duration::from_millis(500), Duration::from_secs(10), Duration::from_secs(300));

/// Our tags for the resource of that key, to be written inside its create call.
pub(crate) fn tag_specification(scope: &Scope, key: &Key, resource_type: ResourceType) -> TagSpecification {
    TagSpecification::builder().resource_type(resource_type).set_tags(Some(written(scope.tags(key)))).build()
}

/// Tags as EC2 takes them.
pub(crate) fn written(tags: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Tags as EC2 gives them.
pub(crate) fn tags(given: &[Tag]) -> BTreeMap<String, String> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    given.iter().map(|tag| (text(tag.key()), text(tag.value()))).collect()
}

/// The filters that let nothing pass but what carries the environment's tags.
pub(crate) fn own_filters(scope: &Scope) -> Vec<Filter> {
    vec![filter("tag:headwater:project", &scope.project), filter("tag:headwater:env", &scope.environment)]
}

/// The filter that lets nothing pass but what has that value.
pub(crate) fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// Those that are ours. An emulator may not know the filters.
pub(crate) fn ours<S>(seen: impl IntoIterator<Item = Observed<S>>) -> Vec<Observed<S>> {
    seen.into_iter().filter(|one| matches!(one.owner, Owner::Us(_))).collect()
}

/// The id that `id` means, where it is one or an ARN of this environment's account and region: `vpc-1` of
/// `arn:aws:ec2:eu-west-1:111111111111:vpc/vpc-1`.
pub(crate) fn plain_id<'a>(scope: &Scope, resource_type: &str, id: &'a str) -> Option<&'a str> {
    match id.strip_prefix(&scope.arn("ec2", &format!("{resource_type}/"))) {
        Some(id) => Some(id),
        None if id.starts_with("arn:") => None,
        None => Some(id),
    }
}

/// Writes our tags with this key to a resource that is there.
pub(crate) async fn adopt(
    client: &Client,
    key: &Key,
    id: &str,
    tags: impl IntoIterator<Item = (String, String)>,
) -> Result<()> {
    let tag = client.create_tags().resources(id).set_tags(Some(written(tags)));
    tag.send().await.at("ec2:CreateTags", key).map(drop)
}

/// The id of the resource with that key, which EC2 makes by `create` without a token. Where the answer was lost, `survey`
/// shows whether it made one.
pub(crate) async fn create<S, F, G>(
    progress: &Progress,
    key: &Key,
    create: impl Fn() -> F,
    survey: impl Fn() -> G,
) -> Result<String>
where
    F: Future<Output = Result<String>>,
    G: Future<Output = Result<Vec<Observed<S>>>>,
{
    let find = || {
        let surveying = survey();
        async {
            let ours = surveying.await?.into_iter().find(|one| one.owner == Owner::Us(key.clone()));
            Ok(ours.map(|one| one.id))
        }
    };
    create_once(&FRESH, progress, "EC2 to make it", |_| false, create, find).await
}

/// For a call that the SDK must not repeat by itself.
pub(crate) fn once() -> Builder {
    Config::builder().retry_config(RetryConfig::disabled())
}

/// Runs a call again while what it names is too fresh to be found, and ends at any other error. The call has a token, or
/// what it makes can be there but once.
pub(crate) async fn once_found<T, F>(progress: &Progress, mut call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let waits_for = "EC2 to find everywhere what was just made";
    let fresh = |error: &Error| error.class == Class::NotFound;
    retry_while(&FRESH, progress, waits_for, fresh, || {
        let calling = call();
        async {
            match calling.await {
                Err(error) if error.class != Class::NotFound => Ok(Err(error)),
                done => done.map(Ok),
            }
        }
    })
    .await?
}

/// The id that a create call gave.
pub(crate) fn made(operation: &'static str, key: &Key, id: Option<String>) -> Result<String> {
    id.ok_or_else(|| Error::new(operation, key, Class::Fatal, "EC2 gave no id"))
}

/// The resource once `get` sees it as ours and ready.
pub(crate) async fn ready<S, F>(
    patience: &Patience,
    progress: &Progress,
    operation: &'static str,
    key: &Key,
    waits_for: &str,
    mut get: impl FnMut() -> F,
) -> Result<Observed<S>>
where
    F: Future<Output = Result<Option<Observed<S>>>>,
{
    wait_until(patience, progress, operation, key, waits_for, || {
        let getting = get();
        async {
            let seen = getting.await?;
            Ok(seen.filter(|one| one.pending.is_none() && one.owner == Owner::Us(key.clone())))
        }
    })
    .await
}

/// The resource once it reads as ours, as desired and ready, or as it reads when that takes too long: then the next plan
/// shows what is left.
pub(crate) async fn read_back<S: Spec, F>(
    progress: &Progress,
    operation: &'static str,
    desired: &Desired<S>,
    mut get: impl FnMut() -> F,
) -> Result<Observed<S>>
where
    F: Future<Output = Result<Option<Observed<S>>>>,
{
    let read = wait_until(&STALE, progress, operation, &desired.key, "the change to be seen", || {
        let getting = get();
        async {
            let seen = getting.await?;
            let is_ready = |one: &Observed<S>| one.pending.is_none() && one.spec == desired.spec;
            Ok(seen.filter(|one| is_ready(one) && one.owner == Owner::Us(desired.key.clone())))
        }
    })
    .await;
    match read {
        Err(error) if error.class == Class::RetryLater => get().await?.ok_or(error),
        read => read,
    }
}

/// The same, but that the resource is gone already is success.
pub(crate) fn or_gone<T>(done: Result<T>) -> Result<()> {
    match done {
        Err(error) if error.class != Class::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Runs `delete` again while something depends on the resource; that it is gone already is success.
pub(crate) async fn delete<T, F>(progress: &Progress, waits_for: &str, call: impl FnMut() -> F) -> Result<()>
where
    F: Future<Output = Result<T>>,
{
    let depended_on = |error: &Error| error.class == Class::Conflict;
    or_gone(retry_while(&SETTLE, progress, waits_for, depended_on, call).await)
}

/// Waits until `get` does not find the resource any more, so that a survey after it does not either.
pub(crate) async fn gone<T, F>(
    patience: &Patience,
    progress: &Progress,
    operation: &'static str,
    id: &str,
    mut get: impl FnMut() -> F,
) -> Result<()>
where
    F: Future<Output = Result<Option<T>>>,
{
    wait_until(patience, progress, operation, id, &format!("{id} to be gone"), || {
        let getting = get();
        async { Ok(getting.await?.is_none().then_some(())) }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{key, scope};

    #[test]
    fn the_filters_are_of_the_tags_that_are_written() {
        let tags = scope().tags(&key("stateful/vpc"));
        for filter in own_filters(&scope()) {
            let name = filter.name().unwrap().strip_prefix("tag:").unwrap();
            assert_eq!(filter.values(), [tags[name].clone()], "{name}");
        }
    }

    #[test]
    fn an_arn_of_this_account_and_region_means_the_id_at_its_end() {
        let arn = scope().arn("ec2", "vpc/vpc-1");
        assert_eq!(plain_id(&scope(), "vpc", &arn), Some("vpc-1"));
        assert_eq!(plain_id(&scope(), "vpc", "vpc-1"), Some("vpc-1"));
        assert_eq!(plain_id(&scope(), "vpc", "arn:aws:ec2:us-east-1:222222222222:vpc/vpc-1"), None);
        assert_eq!(plain_id(&scope(), "subnet", &arn), None);
    }
}
