//! The bootstrap of an environment: what has to be in the account before GitHub Actions can plan and deploy it.
//!
//! | resource | is for |
//! |---|---|
//! | `bootstrap/oidc-provider` | GitHub's tokens; the account has one for all environments, and it stays |
//! | `bootstrap/boundary` | bounds what the roles may do that a deploy makes |
//! | `bootstrap/plan-role`, `bootstrap/plan-policy-1`, … | pull requests and the main branch: looks, changes nothing |
//! | `bootstrap/deploy-role`, `bootstrap/deploy-policy-1`, … | the main branch in the repository's GitHub environment alone: deploys |
//!
//! It lives in a scope of its own, [`Scope::bootstrap`], so that the environment's surveys and its deploy role's policies
//! never reach it.

pub mod policies;

use std::collections::BTreeMap;

use aws_iam::{
    ManagedPolicies, ManagedPolicy, ManagedPolicySpec, OidcProviderSpec, OidcProviders, Role, RoleSpec,
    Roles, github_provider_key,
};
use resource::{Graph, Key, Node, PolicyDocument, Scope};

use crate::Error;
use crate::configuration::Environment;
use crate::stack::node;

/// The name of the stack.
const STACK: &str = "bootstrap";

/// How long a deploy may take: its steps wait for EventStoreDB to be healthy, and for network interfaces to go.
const DEPLOY_SESSION_SECONDS: i32 = 2 * 3600;

/// A repository on GitHub. It has its ids besides its names, because tokens of repositories that were made, renamed or
/// moved after 2026-07-15 name both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// The user or organisation, spelt as GitHub does.
    pub owner: String,
    /// The owner's id.
    pub owner_id: u64,
    /// The name, spelt as GitHub does.
    pub name: String,
    /// The repository's id.
    pub id: u64,
    /// The main branch: what is merged there may be planned and deployed.
    pub branch: String,
}

impl Repository {
    /// A subject of GitHub's tokens in its old form, by names, and in its new one, by names and ids.
    ///
    /// Source: <https://docs.github.com/en/actions/reference/security/oidc>
    fn subjects(&self, context: &str) -> [String; 2] {
        let Self { owner, owner_id, name, id, .. } = self;
        [format!("repo:{owner}/{name}:{context}"), format!("repo:{owner}@{owner_id}/{name}@{id}:{context}")]
    }
}

/// What is granted. Each document is a managed policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Documents {
    /// What no role of the environment may do more than.
    pub boundary: PolicyDocument,
    /// What the plan role may do; ten documents at most, as IAM attaches no more to a role.
    pub plan: Vec<PolicyDocument>,
    /// What the deploy role may do; ten documents at most.
    pub deploy: Vec<PolicyDocument>,
}

/// The roles that GitHub Actions assumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapRoles {
    /// Looks at the environment.
    pub plan: Role,
    /// Changes it.
    pub deploy: Role,
}

/// The roles that GitHub Actions assumes to work on the environment of `scope`. Their ARNs follow from it:
/// `arn:aws:iam::111111111111:role/headwater-bootstrap/prod/headwater-bootstrap-prod-deploy`.
pub fn roles(scope: &Scope) -> BootstrapRoles {
    let bootstrap = scope.bootstrap();
    BootstrapRoles { plan: Role::new(&bootstrap, "plan"), deploy: Role::new(&bootstrap, "deploy") }
}

/// The managed policy that bounds the roles of the environment of `scope`, where it was bootstrapped.
pub fn boundary(scope: &Scope) -> ManagedPolicy {
    ManagedPolicy::new(&scope.bootstrap(), "boundary")
}

/// All resources of the bootstrap of `environment`, for workflows of `repository`. The GitHub environment has the
/// environment's name.
///
/// # Errors
/// A spec cannot be written as JSON.
pub fn bootstrap(
    environment: &Environment,
    repository: &Repository,
    documents: &Documents,
) -> Result<Graph, Error> {
    let scope = environment.scope();
    let roles = roles(&scope);
    let (of, bootstrap) =
        (format!("the environment {} of {}", scope.environment, scope.project), scope.bootstrap());
    let provider = OidcProviderSpec::github();
    let boundary_text = format!("Headwater: what the roles of {of} may do at most.");
    let mut nodes = vec![
        node::<OidcProviders>(&github_provider_key()?, None, &provider)?,
        policy(&boundary(&scope), &bootstrap, "boundary", boundary_text, &documents.boundary)?,
    ];

    let branch = format!("refs/heads/{}", repository.branch);
    let looks = ["pull_request".to_owned(), format!("ref:{branch}")];
    let subjects = looks.iter().flat_map(|context| repository.subjects(context));
    let text = format!("GitHub Actions: looks at {of}.");
    let plan = RoleSpec::for_web_identity(&provider, subjects, &bootstrap, &text);
    nodes.extend(role("plan", &roles.plan, plan, &bootstrap, &of, &documents.plan)?);

    let subjects = repository.subjects(&format!("environment:{}", scope.environment));
    let text = format!("GitHub Actions: deploys {of}.");
    let deploy = RoleSpec::for_web_identity(&provider, subjects, &bootstrap, &text);
    // An environment that nobody protected on GitHub takes jobs of any branch. AWS's other partitions do not know the claim.
    let deploy = match scope.partition() {
        "aws" => deploy.with_claim(&provider, "ref", &branch),
        _ => deploy,
    };
    let deploy = RoleSpec { max_session_duration_seconds: DEPLOY_SESSION_SECONDS, ..deploy };
    nodes.extend(role("deploy", &roles.deploy, deploy, &bootstrap, &of, &documents.deploy)?);

    Ok(Graph::new(bootstrap, BTreeMap::new(), nodes)?)
}

/// A role, and before it the policies that it has attached.
fn role(
    purpose: &str,
    role: &Role,
    mut spec: RoleSpec,
    scope: &Scope,
    of: &str,
    documents: &[PolicyDocument],
) -> Result<Vec<Node>, Error> {
    let mut nodes = Vec::new();
    for (number, document) in (1..).zip(documents) {
        let name = format!("{purpose}-policy-{number}");
        let handle = ManagedPolicy::new(scope, &name);
        let text = format!("GitHub Actions: what the {purpose} role of {of} may do, part {number}.");
        nodes.push(policy(&handle, scope, &name, text, document)?);
        spec.managed_policy_arns.insert(handle.arn());
    }
    let before: Vec<Key> = nodes.iter().map(|node| node.key.clone()).collect();
    let key = Key::new(STACK, &format!("{purpose}-role"))?;
    let node = node::<Roles>(&key, Some(role.name()), &spec)?.after(&before).after([&github_provider_key()?]);
    nodes.push(node);
    Ok(nodes)
}

/// IAM never changes a description: another text here is one that people must take care of by hand.
fn policy(
    policy: &ManagedPolicy,
    scope: &Scope,
    name: &str,
    description: String,
    document: &PolicyDocument,
) -> Result<Node, Error> {
    let spec = ManagedPolicySpec { path: scope.path(), description, policy_document: document.clone() };
    node::<ManagedPolicies>(&Key::new(STACK, name)?, Some(policy.name()), &spec)
}
