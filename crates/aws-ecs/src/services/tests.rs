//! Services against a scripted ECS.

mod create;
mod delete;
mod fargate;
mod rollout;
mod survey;
mod update;

use aws_env::scripted::Script;
use resource::{Desired, Family, Observed, Progress, Result, Scope};

use crate::{Cluster, ServiceSpec, Services};

const KEY: &str = "eventstore/service";
const NAME: &str = "headwater-dev-eventstore";
const REGISTRY: &str = "arn:aws:servicediscovery:eu-west-1:111111111111:service/srv-1";

fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

fn cluster() -> Cluster {
    Cluster::new(&scope(), "eventstore")
}

/// The ARN of that revision.
fn revision(number: u32) -> String {
    scope().arn("ecs", &format!("task-definition/{NAME}:{number}"))
}

fn spec() -> ServiceSpec {
    let subnets = ["subnet-2".to_owned(), "subnet-1".to_owned()];
    let spec = ServiceSpec::single_writer(&cluster(), revision(1), subnets, ["sg-1".to_owned()]);
    ServiceSpec { service_registry_arn: Some(REGISTRY.into()), ..spec }
}

/// The same of so many tasks that are replaced one by one.
fn rolling(count: i32) -> ServiceSpec {
    let subnets = ["subnet-2".to_owned(), "subnet-1".to_owned()];
    let spec = ServiceSpec::rolling(&cluster(), revision(1), subnets, ["sg-1".to_owned()], count);
    ServiceSpec { service_registry_arn: Some(REGISTRY.into()), ..spec }
}

fn desired(spec: ServiceSpec) -> Desired<ServiceSpec> {
    Desired { key: KEY.parse().unwrap(), name: Some(NAME.into()), spec }
}

async fn ensure(
    script: &Script,
    want: ServiceSpec,
    observed: Option<&Observed<ServiceSpec>>,
) -> Result<Observed<ServiceSpec>> {
    Services::new(&script.config()).ensure(&scope(), &desired(want), observed, &Progress::silent()).await
}

async fn survey(script: &Script) -> Vec<Observed<ServiceSpec>> {
    Services::new(&script.config()).survey(&scope()).await.unwrap()
}
