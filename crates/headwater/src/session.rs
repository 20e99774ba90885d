//! An environment, checked and connected: what every command begins with.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use aws_env::{Connection, SdkConfig};
use blueprint::configuration::{Configuration, Environment, LOCAL};
use resource::{AnyFamily, Families, Scope};

use crate::{
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
}

impl Session {
    /// Reads the configuration, connects, and lets the guard look.
    ///
    /// # Errors
    /// The configuration is wrong, nothing leads to the environment, or the guard refuses. No call but
    /// `sts:GetCallerIdentity` has been made then.
    pub async fn open(target: &Target) -> Result<Self> {
        let environment = environment(&target.config, &target.env)?;
        let endpoint_url = endpoint(target, &environment).await?;
        let connection = Connection {
            region: environment.region.to_string(),
            profile: environment.profile.clone(),
            endpoint_url,
            local: environment.is_local(),
        };
        let sdk = aws_env::connect(&connection).await?;
        let scope = environment.scope();
        aws_env::guard(&sdk, &scope).await?;
        Ok(Self { environment, scope, sdk })
    }

    /// The families that make up the blueprint; functions get their code from `packages`.
    pub fn families(&self, packages: &Packages) -> Families {
        let families: [Arc<dyn AnyFamily>; 6] = [
            Arc::new(aws_dynamodb::Tables::new(&self.sdk)),
            Arc::new(aws_sqs::Queues::new(&self.sdk)),
            Arc::new(aws_iam::Roles::new(&self.sdk)),
            Arc::new(aws_observability::LogGroups::new(&self.sdk)),
            Arc::new(aws_lambda::Functions::new(&self.sdk, packages.by_hash())),
            Arc::new(aws_lambda::EventSourceMappings::new(&self.sdk)),
        ];
        families.into_iter().map(|family| (family.kind(), family)).collect::<BTreeMap<_, _>>()
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

async fn endpoint(target: &Target, environment: &Environment) -> Result<Option<String>> {
    let named = target.endpoint_url.clone().or_else(|| environment.endpoint_url.clone());
    if named.is_some() || !environment.is_local() {
        return Ok(named);
    }
    match running::find().await.context("cannot tell whether local AWS is running")? {
        Some(endpoint) => Ok(Some(endpoint)),
        None => bail!(running::NotRunning),
    }
}
