//! Where an environment lives, and how its resources are named, tagged and recognised.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Key, family::Owner};

const PROJECT: &str = "headwater:project";
const ENVIRONMENT: &str = "headwater:env";
const KEY: &str = "headwater:key";

/// What the project of a bootstrap ends in.
const BOOTSTRAP: &str = "-bootstrap";

/// One environment of one project in one account and region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The project, `headwater` unless the configuration names another: the first part of every physical name.
    pub project: String,
    /// The environment: `local`, `dev`, `prod`.
    pub environment: String,
    /// The account's twelve digits.
    pub account: String,
    /// The region, as in `eu-west-1`.
    pub region: String,
}

impl Scope {
    /// The deterministic physical name of a resource: `headwater-prod-event-queue` for `event-queue`.
    pub fn physical_name(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.name_prefix())
    }

    /// What every physical name of this environment begins with. Another environment's may begin with it as well
    /// (`dev` and `dev-2`): only the tags tell whose a resource is.
    pub fn name_prefix(&self) -> String {
        format!("{}-{}-", self.project, self.environment)
    }

    /// Where the bootstrap of this environment lives: in a project of its own, whose name no `headwater.toml` may have. So
    /// its resources have other names, another path and other tags: no survey of the environment sees them, and what may
    /// be done to the environment's resources may not be done to them.
    #[must_use]
    pub fn bootstrap(&self) -> Self {
        Self { project: format!("{}{BOOTSTRAP}", self.project), ..self.clone() }
    }

    /// The path of this environment's IAM roles and log groups: `/headwater/prod/`.
    pub fn path(&self) -> String {
        format!("/{}/{}/", self.project, self.environment)
    }

    /// The partition that the region belongs to.
    pub fn partition(&self) -> &'static str {
        match self.region.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// The ARN of a regional resource: `arn:aws:sqs:eu-west-1:111111111111:<resource>`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition(), self.region, self.account)
    }

    /// The ARN of a global resource of IAM: `arn:aws:iam::111111111111:<resource>`.
    pub fn iam_arn(&self, resource: &str) -> String {
        format!("arn:{}:iam::{}:{resource}", self.partition(), self.account)
    }

    /// The tags that make a resource ours. They are written inside the create call, so that a killed run leaves
    /// nothing that cannot be found again.
    pub fn tags(&self, key: &Key) -> BTreeMap<String, String> {
        [(PROJECT, self.project.as_str()), (ENVIRONMENT, &self.environment), (KEY, key.as_str())]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// Whose a resource is, by its tags.
    pub fn owner(&self, tags: &BTreeMap<String, String>) -> Owner {
        let tag = |name: &str| tags.get(name).map(String::as_str);
        let ours = tag(PROJECT) == Some(&self.project) && tag(ENVIRONMENT) == Some(&self.environment);
        match tag(KEY).and_then(|key| key.parse().ok()) {
            Some(key) if ours => Owner::Us(key),
            _ => Owner::Other(describe_owner(tags)),
        }
    }
}

fn describe_owner(tags: &BTreeMap<String, String>) -> String {
    let named = [PROJECT, ENVIRONMENT, KEY, "aws:cloudformation:stack-name", "Name"];
    let found: Vec<_> =
        named.iter().filter_map(|name| tags.get(*name).map(|value| format!("{name}={value}"))).collect();
    if found.is_empty() {
        "without Headwater's tags".to_owned()
    } else {
        format!("tagged {}", found.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope {
            project: "headwater".into(),
            environment: "dev".into(),
            account: "111111111111".into(),
            region: "eu-west-1".into(),
        }
    }

    #[test]
    fn what_our_tags_mark_is_ours() {
        let key: Key = "ingest/queue".parse().unwrap();
        assert_eq!(scope().owner(&scope().tags(&key)), Owner::Us(key));
    }

    #[test]
    fn another_environments_resource_is_not_ours_though_its_name_begins_alike() {
        let other = Scope { environment: "dev-2".into(), ..scope() };
        let tags = other.tags(&"ingest/queue".parse().unwrap());
        assert_eq!(
            scope().owner(&tags),
            Owner::Other(
                "tagged headwater:project=headwater, headwater:env=dev-2, headwater:key=ingest/queue".into()
            )
        );
        assert_eq!(scope().owner(&BTreeMap::new()), Owner::Other("without Headwater's tags".into()));
    }

    #[test]
    fn a_bootstrap_has_nothing_in_common_with_its_environment() {
        let (environment, bootstrap) = (scope(), scope().bootstrap());
        assert_eq!(bootstrap.path(), "/headwater-bootstrap/dev/");
        assert_eq!(bootstrap.physical_name("plan"), "headwater-bootstrap-dev-plan");
        assert!(!bootstrap.path().starts_with(&environment.path()));
        assert!(!bootstrap.name_prefix().starts_with(&environment.name_prefix()));
        let key = "bootstrap/plan-role".parse().unwrap();
        assert!(matches!(environment.owner(&bootstrap.tags(&key)), Owner::Other(_)));
    }

    #[test]
    fn names_and_arns_follow_from_the_scope() {
        let china = Scope { region: "cn-north-1".into(), ..scope() };
        assert_eq!(scope().physical_name("event-queue"), "headwater-dev-event-queue");
        assert_eq!(scope().arn("sqs", "q"), "arn:aws:sqs:eu-west-1:111111111111:q");
        assert_eq!(
            china.iam_arn("role/headwater/dev/r"),
            "arn:aws-cn:iam::111111111111:role/headwater/dev/r"
        );
    }
}
