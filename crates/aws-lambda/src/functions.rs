//! The family `AWS::Lambda::Function`.

mod change;
mod observe;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, path::PathBuf};

use aws_env::{At, SdkConfig, retry_while, wait_until};
use aws_sdk_lambda::Client;
use futures::future::try_join_all;
use observe::{Condition, Seen};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Progress, Result, Scope, Within,
};

use crate::scopes::{FUNCTIONS, OWN_FUNCTIONS, PASS_ROLE};
use crate::{
    FunctionSpec,
    package::Packages,
    races::{READY, ROLE, gone, settles},
};

/// Lambda's functions. A function's code is a zip, known by its hash.
///
/// What runs is always `$LATEST`: no version is published, since nothing would refer to one, and the hash of the code tells
/// what runs.
#[derive(Clone, Debug)]
pub struct Functions {
    client: Client,
    packages: Packages,
}

/// What Lambda asks of whoever gives a function a network.
const VPC: &str = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html";

impl Functions {
    /// The family behind this configuration, with the packages that functions run: the SHA-256 of a zip in base64 → the
    /// zip's path. A zip is read when a function needs it, and not before.
    pub fn new(config: &SdkConfig, packages: BTreeMap<String, PathBuf>) -> Self {
        Self { client: Client::new(config), packages: Packages(packages) }
    }

    /// Waits until no change of the function is under way.
    async fn settled(&self, scope: &Scope, name: &str, progress: &Progress) -> Result<Seen> {
        let settled = || async {
            let seen = observe::get(&self.client, scope, name).await?;
            Ok(seen.filter(|seen| !matches!(seen.condition, Condition::Busy(_))))
        };
        wait_until(&READY, progress, observe::GET, name, "the function to become active", settled).await
    }

    /// The same, after a change that we made.
    async fn ready(&self, scope: &Scope, key: &Key, name: &str, progress: &Progress) -> Result<Seen> {
        let seen = self.settled(scope, name, progress).await?;
        match seen.condition {
            Condition::Failed(reason) => Err(Error::new(observe::GET, key, Class::Fatal, reason)),
            _ => Ok(seen),
        }
    }

    /// Takes the function out of its network and waits until it is out, so that Lambda lets go of the interfaces soon.
    ///
    /// What Lambda will not do, because the role is broken say, does not keep the function from being deleted: Lambda
    /// then takes longer over the interfaces.
    async fn detach(&self, name: &str, progress: &Progress) -> Result<()> {
        let client = &self.client;
        let detach = || async { gone(change::detach(client, name).await) };
        match retry_while(&ROLE, progress, "another update of the function", settles, detach).await {
            Err(error) if error.class == Class::Fatal => {
                progress.note(format!("leaves the network interfaces to Lambda: {}", error.source));
                return Ok(());
            }
            done => done?,
        }
        let is_out = || async {
            let found = observe::raw(client, name).await?;
            Ok((!found.is_some_and(|found| observe::is_busy(&found))).then_some(()))
        };
        wait_until(&READY, progress, observe::GET, name, "the function to leave its network", is_out).await
    }
}

impl Family for Functions {
    type Spec = FunctionSpec;

    const KIND: Kind = Kind::new("AWS::Lambda::Function");
    const REFERS_TO: &'static [Kind] = &[
        Kind::new("AWS::EC2::SecurityGroup"),
        Kind::new("AWS::EC2::Subnet"),
        Kind::new("AWS::IAM::Role"),
        Kind::new("AWS::Logs::LogGroup"),
    ];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("lambda:GetFunction").within(FUNCTIONS),
        IamAction::read("lambda:ListFunctions").within(Within::IN_REGION),
        // GetFunction tells tags only to whoever has it:
        // https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html
        IamAction::read("lambda:ListTags").within(FUNCTIONS),
        IamAction::write("lambda:CreateFunction").within(OWN_FUNCTIONS),
        IamAction::write("lambda:DeleteFunction").within(OWN_FUNCTIONS),
        IamAction::write("lambda:DeleteFunctionConcurrency").within(OWN_FUNCTIONS),
        IamAction::write("lambda:PutFunctionConcurrency").within(OWN_FUNCTIONS),
        // Called to adopt, and asked for besides CreateFunction with tags:
        // https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
        IamAction::write("lambda:TagResource").within(OWN_FUNCTIONS),
        IamAction::write("lambda:UpdateFunctionCode").within(OWN_FUNCTIONS),
        IamAction::write("lambda:UpdateFunctionConfiguration").within(OWN_FUNCTIONS),
        IamAction::dependent("ec2:DescribeSecurityGroups", VPC).within(Within::IN_REGION),
        IamAction::dependent("ec2:DescribeSubnets", VPC).within(Within::IN_REGION),
        IamAction::dependent("ec2:DescribeVpcs", VPC).within(Within::IN_REGION),
        IamAction::dependent(
            "iam:PassRole",
            "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html",
        )
        .within(PASS_ROLE),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<FunctionSpec>>> {
        let names = observe::list(&self.client, &scope.name_prefix()).await?;
        let functions =
            try_join_all(names.iter().map(|name| observe::get(&self.client, scope, name))).await?;
        Ok(functions.into_iter().flatten().map(|seen| seen.observed).collect())
    }

    /// An update that failed before is made again, as Lambda asks for.
    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<FunctionSpec>,
        observed: Option<&Observed<FunctionSpec>>,
        progress: &Progress,
    ) -> Result<Observed<FunctionSpec>> {
        let Desired { key, name: Some(name), spec: want } = desired else {
            return Err(Error::new(change::CREATE, &desired.key, Class::Fatal, "a function needs a name"));
        };
        let mut seen = match observed {
            None => {
                let zip = change::zip(&self.packages, change::CREATE, key, want).await?;
                let create = || change::create(&self.client, scope, key, name, want, &zip);
                retry_while(&ROLE, progress, "the role to reach Lambda", settles, create).await?;
                self.ready(scope, key, name, progress).await?
            }
            Some(observed) if observed.pending.is_some() => self.settled(scope, name, progress).await?,
            Some(observed) => Seen { observed: observed.clone(), condition: Condition::Ready },
        };
        let failed = matches!(seen.condition, Condition::Failed(_));
        // The configuration comes first: new code finds the environment that it wants, and old code what it had.
        if failed || change::configuration_differs(&seen.observed.spec, want) {
            let update = || change::update_configuration(&self.client, key, name, want);
            retry_while(&ROLE, progress, "the role to reach Lambda", settles, update).await?;
            seen = self.ready(scope, key, name, progress).await?;
        }
        if failed || change::code_differs(&seen.observed.spec, want) {
            let zip = change::zip(&self.packages, change::UPDATE_CODE, key, want).await?;
            let update = || change::update_code(&self.client, key, name, want, &zip);
            retry_while(&ROLE, progress, "another update of the function", settles, update).await?;
            seen = self.ready(scope, key, name, progress).await?;
        }
        if seen.observed.spec.reserved_concurrent_executions != want.reserved_concurrent_executions {
            let set =
                || change::set_concurrency(&self.client, key, name, want.reserved_concurrent_executions);
            retry_while(&ROLE, progress, "another update of the function", settles, set).await?;
            seen.observed.spec.reserved_concurrent_executions = want.reserved_concurrent_executions;
        }
        Ok(seen.observed)
    }

    async fn delete(&self, observed: &Observed<FunctionSpec>, progress: &Progress) -> Result<()> {
        const DELETE: &str = "lambda:DeleteFunction";
        let (client, name) = (&self.client, &observed.id);
        if observed.spec.vpc_config.is_some() {
            self.detach(name, progress).await?;
        }
        let delete =
            || async { gone(client.delete_function().function_name(name).send().await.at(DELETE, name)) };
        retry_while(&ROLE, progress, "another update of the function", settles, delete).await?;
        let is_gone = || async { Ok(observe::raw(client, name).await?.is_none().then_some(())) };
        wait_until(&READY, progress, DELETE, name, "the function to be gone", is_gone).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<FunctionSpec>>> {
        let name = id.split_once(":function:").map_or(id, |(_, rest)| rest.split(':').next().unwrap_or(rest));
        Ok(observe::get(&self.client, scope, name).await?.map(|seen| seen.observed))
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<FunctionSpec>) -> Result<()> {
        let arn = observed.outputs.get("arn").unwrap_or(&observed.id);
        let call =
            self.client.tag_resource().resource(arn).set_tags(Some(scope.tags(key).into_iter().collect()));
        call.send().await.at("lambda:TagResource", key).map(drop)
    }
}
