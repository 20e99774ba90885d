use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use aws_iam::{POLICY_NAME, RoleSpec};
use aws_sdk_iam::Client;
use end_to_end::Local;
use resource::{PolicyDocument, Statement};

use super::Changed;

pub(super) async fn change(local: &Local) -> Result<Changed> {
    let client = Client::new(&local.bench.session.sdk);
    let role = local.name(blueprint::INGEST);
    let everything = PolicyDocument::new(vec![Statement::allow("All", ["*"], ["*"])]);
    let trust = PolicyDocument::new(vec![
        Statement::allow("", ["sts:AssumeRole"], [""; 0]).principal("Service", "ec2.amazonaws.com"),
    ]);
    let document = serde_json::to_string(&everything)?;
    let policy = client.create_policy().policy_name("elsewhere").policy_document(&document).send().await?;
    let policy = policy.policy.and_then(|policy| policy.arn).context("IAM gave the policy no ARN")?;
    client.attach_role_policy().role_name(&role).policy_arn(&policy).send().await?;
    for name in [POLICY_NAME, "extra"] {
        let put = client.put_role_policy().role_name(&role).policy_name(name);
        put.policy_document(&document).send().await?;
    }
    client.put_role_permissions_boundary().role_name(&role).permissions_boundary(&policy).send().await?;
    let update = client.update_role().role_name(&role).description("Somebody's.").max_session_duration(7200);
    update.send().await?;
    let document = serde_json::to_string(&trust)?;
    client.update_assume_role_policy().role_name(&role).policy_document(document).send().await?;

    let spec = RoleSpec {
        path: local.bench.session.scope.path(),
        description: "Somebody's.".to_owned(),
        assume_role_policy_document: trust,
        policies: BTreeMap::from([
            (POLICY_NAME.to_owned(), everything.clone()),
            ("extra".to_owned(), everything),
        ]),
        managed_policy_arns: BTreeSet::from([policy.clone()]),
        permissions_boundary: Some(policy),
        max_session_duration_seconds: 7200,
    };
    Changed::new("ingest/role", spec, &[("path", "IAM has no call that moves a role")])
}
