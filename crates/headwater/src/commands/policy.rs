//! `policy`: what a bootstrap grants, without asking AWS.

use std::io::Write;

use anyhow::{Context, Result};
use blueprint::bootstrap::{
    self, Documents, Repository,
    policies::{DOCUMENT_CHARACTERS, characters},
};
use resource::{Graph, PolicyDocument};
use serde::Serialize;
use serde_json::Value;

use crate::{
    cli,
    commands::{Exit, Run, bootstrap::documents},
    session::{Session, environment},
    terminal::{self, FAINT, STRONG, grouped, paint, write_json},
};

/// Ids that no owner and no repository has: where they are not known, the subjects show what to put there.
const UNKNOWN: u64 = 0;

/// Runs `policy`.
///
/// # Errors
/// The configuration is wrong, or the policies are more than a role can have.
pub fn run(args: &cli::Policy, run: &Run) -> Result<Exit> {
    let environment = environment(&run.target.config, &run.target.env)?;
    let session = Session::unconnected(environment);
    let documents = documents(&session)?;
    let graph = bootstrap::bootstrap(&session.environment, &repository(args), &documents)?;
    let granted = Granted::of(&session, &graph, documents)?;
    let mut out = terminal::out();
    if run.json {
        write_json(&mut out, &granted)?;
    } else {
        granted.print(&mut out)?;
    }
    Ok(Exit::Done)
}

fn repository(args: &cli::Policy) -> Repository {
    let (owner, name) = match &args.repo {
        Some(repo) => (repo.owner.clone(), repo.name.clone()),
        None => ("<owner>".to_owned(), "<repository>".to_owned()),
    };
    Repository {
        owner,
        owner_id: args.owner_id.unwrap_or(UNKNOWN),
        name,
        id: args.repository_id.unwrap_or(UNKNOWN),
        branch: args.branch.clone(),
    }
}

/// All that a bootstrap grants.
#[derive(Debug, Serialize)]
struct Granted {
    plan: GrantedRole,
    deploy: GrantedRole,
    boundary: GrantedPolicy,
}

#[derive(Debug, Serialize)]
struct GrantedRole {
    arn: String,
    trust: Value,
    policies: Vec<GrantedPolicy>,
}

#[derive(Debug, Serialize)]
struct GrantedPolicy {
    name: String,
    /// Of 6,144.
    characters: usize,
    document: PolicyDocument,
}

impl Granted {
    fn of(session: &Session, graph: &Graph, documents: Documents) -> Result<Self> {
        let roles = bootstrap::roles(&session.scope);
        let role = |purpose: &str, arn: String, documents: Vec<PolicyDocument>| {
            let spec = &node(graph, &format!("{purpose}-role"))?.spec;
            let policies = (1..).zip(documents).map(|(number, document)| {
                let name = node(graph, &format!("{purpose}-policy-{number}"))?.name.clone();
                Ok(GrantedPolicy::new(name.unwrap_or_default(), document))
            });
            let trust = with_placeholders(&spec["assumeRolePolicyDocument"])?;
            anyhow::Ok(GrantedRole { arn, trust, policies: policies.collect::<Result<_>>()? })
        };
        let boundary = bootstrap::boundary(&session.scope).name().to_owned();
        Ok(Self {
            plan: role("plan", roles.plan.arn(), documents.plan)?,
            deploy: role("deploy", roles.deploy.arn(), documents.deploy)?,
            boundary: GrantedPolicy::new(boundary, documents.boundary),
        })
    }

    fn print(&self, out: &mut impl Write) -> Result<()> {
        for (purpose, role) in [("plan", &self.plan), ("deploy", &self.deploy)] {
            writeln!(out, "{}  {}", paint(STRONG, format!("The {purpose} role")), role.arn)?;
            writeln!(out, "{}", paint(FAINT, "is trusted for"))?;
            writeln!(out, "{}\n", serde_json::to_string_pretty(&role.trust)?)?;
            for policy in &role.policies {
                policy.print(out, "Its policy")?;
            }
        }
        self.boundary.print(out, "The boundary of the roles that a deploy makes")
    }
}

impl GrantedPolicy {
    fn new(name: String, document: PolicyDocument) -> Self {
        Self { name, characters: characters(&document), document }
    }

    fn print(&self, out: &mut impl Write, what: &str) -> Result<()> {
        let [size, limit] = [self.characters, DOCUMENT_CHARACTERS].map(|number| grouped(number as u64));
        let size = paint(FAINT, format!("{size} of {limit} characters"));
        writeln!(out, "{}  {}  {size}", paint(STRONG, what), self.name)?;
        writeln!(out, "{}\n", serde_json::to_string_pretty(&self.document)?)?;
        Ok(())
    }
}

fn node<'a>(graph: &'a Graph, name: &str) -> Result<&'a resource::Node> {
    let key = format!("bootstrap/{name}").parse()?;
    graph.get(&key).with_context(|| format!("the bootstrap has no {key}"))
}

/// The trust with what is to be put where an id is not known.
fn with_placeholders(trust: &Value) -> Result<Value> {
    let text = serde_json::to_string(trust)?;
    let text = text
        .replace(&format!("@{UNKNOWN}/"), "@<owner id>/")
        .replace(&format!("@{UNKNOWN}:"), "@<repository id>:");
    Ok(serde_json::from_str(&text)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_that_is_not_known_shows_as_what_to_put_there() {
        let trust =
            json!({"sub": ["repo:a@0/b@0:pull_request", "repo:a/b:pull_request", "repo:a@10/b@20:x"]});
        let expected = json!({"sub": [
            "repo:a@<owner id>/b@<repository id>:pull_request", "repo:a/b:pull_request", "repo:a@10/b@20:x"
        ]});
        assert_eq!(with_placeholders(&trust).unwrap(), expected);
    }
}
