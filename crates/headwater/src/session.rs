//! An environment, checked and connected: what every command begins with.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use aws_env::{Connection, SdkConfig};
use aws_sdk_sqs::config::{BehaviorVersion, Region};
use aws_secrets::DeletePolicy;
use blueprint::configuration::{Configuration, Environment, LOCAL};
use resource::{AnyFamily, Families, IamAction, Kind, Scope};

use crate::{
    capabilities::Lacking,
    cli::{CONFIGURATION, Target},
    packages::Packages,
    running,
};

/// An environment that may be touched: its account and region are the configured ones, and a local one is on this host.
#[derive(Clone)]
pub struct Session {
    /// The environment's settings.
    pub environment: Environment,
    /// Where it lives.
    pub scope: Scope,
    /// The SDK's configuration for it.
    pub sdk: SdkConfig,
    /// What the local AWS that was announced lacks; none where it was not announced, and then it can be asked.
    pub lacking: Option<Lacking>,
}

impl Session {
    /// Reads the configuration, connects, and lets the guard look.
    ///
    /// # Errors
    /// The configuration is wrong, nothing leads to the environment, or the guard refuses. No call but
    /// `sts:GetCallerIdentity` has been made then.
    pub async fn open(target: &Target) -> Result<Self> {
        let mut environment = environment(&target.config, &target.env)?;
        let Leads { endpoint_url, eventstore, eventstore_image, lacking } =
            leads(target, &environment).await?;
        if environment.is_local() {
            environment.local_eventstore = eventstore;
            // A variable that is empty counts as unset, as for the emulator's image.
            if let Some(image) = eventstore_image.filter(|image| !image.is_empty()) {
                // What stands in for the server has the tools beside it, too: nothing else has to be had.
                environment.eventstore.image = Some(image.clone());
                environment.eventstore.tools_image = Some(image);
            }
        }
        let connection = Connection {
            region: environment.region.to_string(),
            profile: environment.profile.clone(),
            endpoint_url,
            local: environment.is_local(),
        };
        let sdk = aws_env::connect(&connection).await?;
        let scope = environment.scope();
        aws_env::guard(&sdk, &scope).await?;
        Ok(Self { environment, scope, sdk, lacking })
    }

    /// An environment that nothing leads to: no call can be made, and its families say what they are.
    pub fn unconnected(environment: Environment) -> Self {
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(environment.region.to_string()))
            .build();
        Self { scope: environment.scope(), environment, sdk, lacking: None }
    }

    /// Every IAM action that plans and deploys of the environment need.
    pub fn actions(&self) -> Vec<IamAction> {
        let families = self.families(&Packages::not_built());
        let of_families = families.values().flat_map(|family| family.actions());
        of_families.chain(aws_dynamodb::Deployments::ACTIONS).copied().collect()
    }

    /// Says early that local AWS lacks what a command is about.
    ///
    /// # Errors
    /// It was announced that there is no `kind`, with the reason.
    pub fn needs(&self, kind: &Kind) -> Result<()> {
        match self.lacking.as_ref().and_then(|lacking| lacking.0.get(kind)) {
            Some(reason) => bail!("this needs {kind}, which local AWS lacks: {reason}"),
            None => Ok(()),
        }
    }

    /// The families that make up the blueprint; functions get their code from `packages`.
    pub fn families(&self, packages: &Packages) -> Families {
        let sdk = &self.sdk;
        let secrets = match self.environment.production {
            true => DeletePolicy::Recoverable { days: 30 },
            false => DeletePolicy::Force,
        };
        let families: Vec<Arc<dyn AnyFamily>> = vec![
            Arc::new(aws_backup::Plans::new(sdk)),
            Arc::new(aws_backup::Vaults::new(sdk)),
            Arc::new(aws_cloudmap::Namespaces::new(sdk)),
            Arc::new(aws_cloudmap::Services::new(sdk)),
            Arc::new(aws_dynamodb::Tables::new(sdk)),
            Arc::new(aws_ecs::Clusters::new(sdk)),
            Arc::new(aws_ecs::Services::new(sdk)),
            Arc::new(aws_ecs::TaskDefinitions::new(sdk)),
            Arc::new(aws_efs::AccessPoints::new(sdk)),
            Arc::new(aws_efs::FileSystems::new(sdk)),
            Arc::new(aws_efs::MountTargets::new(sdk)),
            Arc::new(aws_iam::Roles::new(sdk)),
            Arc::new(aws_iam::ServiceLinkedRoles::new(sdk)),
            Arc::new(aws_lambda::EventSourceMappings::new(sdk)),
            Arc::new(aws_lambda::Functions::new(sdk, packages.by_hash())),
            Arc::new(aws_network::ElasticIps::new(sdk)),
            Arc::new(aws_network::InternetGateways::new(sdk)),
            Arc::new(aws_network::NatGateways::new(sdk)),
            Arc::new(aws_network::RouteTables::new(sdk)),
            Arc::new(aws_network::SecurityGroups::new(sdk)),
            Arc::new(aws_network::SecurityGroupEgressRules::new(sdk)),
            Arc::new(aws_network::SecurityGroupIngressRules::new(sdk)),
            Arc::new(aws_network::Subnets::new(sdk)),
            Arc::new(aws_network::VpcEndpoints::new(sdk)),
            Arc::new(aws_network::Vpcs::new(sdk)),
            Arc::new(aws_observability::Alarms::new(sdk)),
            Arc::new(aws_observability::Dashboards::new(sdk)),
            Arc::new(aws_observability::LogGroups::new(sdk)),
            Arc::new(aws_observability::MetricFilters::new(sdk)),
            Arc::new(aws_observability::Topics::new(sdk)),
            Arc::new(aws_secrets::Secrets::new(sdk, secrets)),
            Arc::new(aws_sqs::Queues::new(sdk)),
        ];
        families.into_iter().map(|family| (family.kind(), family)).collect::<BTreeMap<_, _>>()
    }

    /// The families that make up the bootstrap. Its managed policies and its provider are none of the environment's, so what
    /// deploys that needs no right to change them.
    pub fn bootstrap_families(&self) -> Families {
        let sdk = &self.sdk;
        let families: [Arc<dyn AnyFamily>; 3] = [
            Arc::new(aws_iam::ManagedPolicies::new(sdk)),
            Arc::new(aws_iam::OidcProviders::new(sdk)),
            Arc::new(aws_iam::Roles::new(sdk)),
        ];
        families.into_iter().map(|family| (family.kind(), family)).collect()
    }
}

/// The environment called `name`. Where there is no configuration file and none was named, `local` has its defaults.
///
/// # Errors
/// The file cannot be read or holds mistakes, or has no such environment.
pub fn environment(file: &Path, name: &str) -> Result<Environment> {
    let configuration = match Configuration::load(file) {
        Err(_) if name == LOCAL && file == Path::new(CONFIGURATION) && !file.exists() => {
            Configuration::parse("", file)?
        }
        loaded => loaded?,
    };
    Ok(configuration.environment(name)?)
}

/// What leads to an environment.
struct Leads {
    /// The endpoint in place of AWS.
    endpoint_url: Option<String>,
    /// Where EventStoreDB is on local AWS.
    eventstore: Option<String>,
    /// What it runs there.
    eventstore_image: Option<String>,
    lacking: Option<Lacking>,
}

async fn leads(target: &Target, environment: &Environment) -> Result<Leads> {
    let named = target.endpoint_url.clone().or_else(|| environment.endpoint_url.clone());
    if named.is_some() || !environment.is_local() {
        return Ok(Leads {
            endpoint_url: named,
            eventstore: target.eventstore.clone(),
            eventstore_image: target.eventstore_image.clone(),
            lacking: None,
        });
    }
    match running::find().await.context("cannot tell whether local AWS is running")? {
        Some(found) => Ok(Leads {
            endpoint_url: Some(found.endpoint),
            eventstore: Some(found.eventstore),
            eventstore_image: found.eventstore_image,
            lacking: Some(found.lacking),
        }),
        None => bail!(running::NotRunning),
    }
}
