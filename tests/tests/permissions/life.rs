//! The life of some resources, from nothing to nothing, as whoever has certain rights leads it: where does it end?

use std::{collections::BTreeSet, fmt, sync::Arc};

use anyhow::{Context, Result};
use end_to_end::Local;
use engine::{InMemory, Mode};
use headwater::{commands::deploy::chain, packages::Packages, session::Session, workbench::Workbench};
use resource::{Graph, IamAction, Key, Kind, Node, PolicyDocument, Progress};
use serde_json::Value;

use crate::{
    cases::Case,
    roles::{apply, bench_as, make_boundary, with_policies, without_tls},
};

/// A part of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Plan,
    Deploy,
    Drift,
    Update,
    Adopt,
    Destroy,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}

/// An emulator with all that a case's resources depend on.
pub(crate) struct Stage {
    local: Local,
    /// The administrator's view.
    root: Workbench,
    case: &'static Case,
    subjects: Vec<Key>,
    kinds: BTreeSet<Kind>,
    roles: usize,
}

impl Stage {
    /// Starts the emulator and deploys that.
    pub(crate) async fn of(case: &'static Case) -> Result<Self> {
        let local = Local::start_with_auth(case.knobs).await?;
        make_boundary(&local).await?;
        let packages = Packages::load(local.target.packages.as_deref())?;
        let root = without_tls(Workbench::of(local.bench.session.clone(), &packages).await?)?;
        let subjects = case.subjects.iter().map(|key| key.parse()).collect::<Result<Vec<Key>, _>>()?;
        let besides = case.besides.iter().map(|key| key.parse()).collect::<Result<Vec<Key>, _>>()?;
        let graph = closure(&root.graph, subjects.iter().chain(&besides))?;
        let kinds = graph.nodes().map(|node| node.kind.clone()).collect();
        let mut root = Workbench { graph, deployments: Arc::new(InMemory::default()), ..root };
        root.families.retain(|kind, _| BTreeSet::contains(&kinds, kind));
        let nodes = root.graph.nodes().filter(|node| !subjects.contains(&node.key)).cloned().collect();
        let whole = root.graph.clone();
        root.graph = graph_of(&whole, nodes)?;
        apply(&root, &local.target, Mode::Deploy).await.context("what they depend on")?;
        root.graph = whole;
        Ok(Self { local, root, case, subjects, kinds, roles: 0 })
    }

    /// The administrator's session.
    pub(crate) fn session(&self) -> &Session {
        &self.root.session
    }

    /// The actions that the life is about.
    pub(crate) fn actions(&self) -> &'static [IamAction] {
        let family = self.root.families.iter().find(|(kind, _)| kind.as_str() == self.case.kind);
        match family {
            _ if self.case.lease => aws_dynamodb::Deployments::ACTIONS,
            Some((_, family)) => family.actions(),
            None => &[],
        }
    }

    /// Leads the life with those policies. Where it ends early: in which part, and what was said.
    pub(crate) async fn live(&mut self, documents: &[PolicyDocument]) -> Result<Option<(Phase, String)>> {
        self.roles += 1;
        let sdk = with_policies(&self.local, &format!("sweep-{}", self.roles), documents).await?;
        let ended = match bench_as(&self.local, sdk).await {
            Ok(mut bench) => {
                bench.families.retain(|kind, _| self.kinds.contains(kind));
                bench.graph = self.root.graph.clone();
                if !self.case.lease {
                    bench.deployments = self.root.deployments.clone();
                }
                self.lead(bench).await.err()
            }
            Err(error) => Some((Phase::Plan, error)),
        };
        self.clear().await?;
        Ok(ended.map(|(phase, error)| (phase, format!("{error:#}"))))
    }

    /// The life, to where it ends.
    async fn lead(&self, mut bench: Workbench) -> Result<(), (Phase, anyhow::Error)> {
        let during = |phase: Phase| move |error: anyhow::Error| (phase, error);
        let target = &self.local.target;
        bench.plan(Mode::Deploy).await.map_err(during(Phase::Plan))?;
        apply(&bench, target, Mode::Deploy).await.map_err(during(Phase::Deploy))?;
        bench.plan(Mode::Deploy).await.map_err(during(Phase::Drift))?;
        bench.deployments.history(1).await.map_err(said).map_err(during(Phase::Drift))?;
        if self.case.unbound {
            self.unbind().await.map_err(during(Phase::Update))?;
        }
        for patches in self.case.updates {
            bench.graph = patched(&self.root.graph, patches).map_err(during(Phase::Update))?;
            apply(&bench, target, Mode::Deploy).await.map_err(during(Phase::Update))?;
        }
        self.adopt(&bench).await.map_err(during(Phase::Adopt))?;
        self.destroy(&bench).await.map_err(during(Phase::Destroy))
    }

    /// Finds each by its name and takes it over anew.
    async fn adopt(&self, bench: &Workbench) -> Result<()> {
        let (scope, survey) = (&bench.session.scope, bench.survey().await?);
        for (kind, key, observed) in survey.ours().filter(|(_, key, _)| self.subjects.contains(key)) {
            let family = &bench.families[kind];
            let id = observed.name.as_deref().unwrap_or(&observed.id);
            family.find(scope, id).await.map_err(said)?;
            family.adopt(scope, key, observed).await.map_err(said)?;
        }
        Ok(())
    }

    /// Deletes each. A destroy of the whole would need more of what it depends on.
    async fn destroy(&self, bench: &Workbench) -> Result<()> {
        let (survey, progress) = (bench.survey().await?, Progress::silent());
        for key in self.subjects.iter().rev() {
            for (kind, _, observed) in survey.ours().filter(|(_, owner, _)| *owner == key) {
                bench.families[kind].delete(observed, &progress).await.map_err(said)?;
            }
        }
        Ok(())
    }

    /// Takes the boundary from the roles, as somebody with more rights may.
    async fn unbind(&self) -> Result<()> {
        let iam = aws_sdk_iam::Client::new(&self.root.session.sdk);
        for key in &self.subjects {
            let name = self.root.graph.get(key).and_then(|node| node.name.clone());
            iam.delete_role_permissions_boundary().set_role_name(name).send().await?;
        }
        Ok(())
    }

    /// Makes it as if nobody had lived.
    async fn clear(&self) -> Result<()> {
        let survey = self.root.survey().await?;
        for key in self.subjects.iter().rev() {
            for (kind, _, observed) in survey.ours().filter(|(_, owner, _)| *owner == key) {
                if self.root.families[kind].is_shared() {
                    let iam = aws_sdk_iam::Client::new(&self.root.session.sdk);
                    iam.delete_role().role_name(&observed.id).send().await?;
                } else {
                    self.root.families[kind].delete(observed, &Progress::silent()).await?;
                }
            }
        }
        Ok(())
    }
}

fn said(error: resource::Error) -> anyhow::Error {
    anyhow::anyhow!(chain(&error))
}

fn graph_of(graph: &Graph, nodes: Vec<Node>) -> Result<Graph> {
    Ok(Graph::new(graph.scope.clone(), graph.packages.clone(), nodes)?)
}

/// The nodes of those keys and all that they depend on.
fn closure<'a>(graph: &Graph, keys: impl Iterator<Item = &'a Key>) -> Result<Graph> {
    let mut open: Vec<Key> = keys.cloned().collect();
    let mut taken = BTreeSet::new();
    while let Some(key) = open.pop() {
        let node = graph.get(&key).with_context(|| format!("the blueprint has no {key}"))?;
        open.extend(node.depends_on.iter().filter(|key| !taken.contains(*key)).cloned());
        taken.insert(key);
    }
    graph_of(graph, graph.nodes().filter(|node| taken.contains(&node.key)).cloned().collect())
}

/// The graph with other fields: key, place in the spec, value as JSON.
fn patched(graph: &Graph, patches: &[(&str, &str, &str)]) -> Result<Graph> {
    let mut nodes: Vec<Node> = graph.nodes().cloned().collect();
    for (key, field, value) in patches {
        let node = nodes.iter_mut().find(|node| node.key.as_str() == *key).context("no such node")?;
        let value: Value = serde_json::from_str(&value.replace("{relay}", &graph.packages[blueprint::RELAY]))
            .with_context(|| (*value).to_owned())?;
        match node.spec.pointer_mut(field) {
            Some(place) => *place = value,
            None => node.spec[field.trim_start_matches('/')] = value,
        }
        node.depends_on.extend(resource::references(&node.spec).into_iter().map(|reference| reference.key));
    }
    graph_of(graph, nodes)
}
