//! What local AWS lacks: found out by asking it, and left out of the blueprint with the reason. AWS itself is never asked.

mod alarms;
mod functions;

use std::collections::{BTreeMap, BTreeSet};

use aws_env::{Said, SdkConfig};
use aws_sdk_sqs::config::retry::RetryConfig;
use engine::StepError;
use resource::{Graph, GraphError, Key, Kind, Node, Scope, references};
use serde::{Deserialize, Serialize};

use crate::{packages::Packages, session::Session, terminal::counted};

/// The kinds that an emulator lacks, each with what it said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacking(pub BTreeMap<Kind, String>);

/// A resource of the blueprint that is not deployed.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// What it would be.
    pub node: Node,
    /// The kinds that are lacking, its own or those that it needs.
    pub lacks: BTreeSet<Kind>,
    /// Why, for people.
    pub reason: String,
}

/// Asks for every kind once, all at once. What answers in any other way than that the service is not there is not lacking:
/// whoever needs it meets its error.
///
/// # Guarantees
/// Changes nothing.
pub async fn ask(session: &Session) -> Lacking {
    let asking = Session { sdk: once(&session.sdk), ..session.clone() };
    let families = asking.families(&Packages::not_built());
    let failed = match engine::survey(&families, &asking.scope).await {
        Ok(_) => Vec::new(),
        Err(error) => error.failed,
    };
    let lacking = failed.into_iter().filter_map(|(kind, error)| match error {
        StepError::Resource(error) => Some((kind, is_lacking(&error)?)),
        StepError::Panicked(_) | StepError::LeaseLost => None,
    });
    Lacking(lacking.collect())
}

/// Tries what an answer to [`ask`] does not tell: makes a resource of some kinds that an emulator may make without more, under
/// a name that is none of an environment's, and deletes it.
pub async fn try_out(sdk: &SdkConfig, scope: &Scope) -> Lacking {
    let (functions, alarms) =
        tokio::join!(functions::run_functions(sdk, scope), alarms::keep_alarms(sdk, scope));
    functions.and(alarms)
}

impl Lacking {
    /// Both; of a kind that both name, what the first says.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mut all = other.0;
        all.extend(self.0);
        Self(all)
    }
}

/// The same with one attempt a call: an emulator that lacks a service will not have it in a second.
fn once(sdk: &SdkConfig) -> SdkConfig {
    sdk.clone().into_builder().retry_config(RetryConfig::disabled()).build()
}

/// What the emulator said, if it says that it lacks the service.
fn is_lacking(error: &resource::Error) -> Option<String> {
    const WORDS: [&str; 3] =
        ["not included in your current license plan", "not yet been emulated", "not implemented"];
    // LocalStack's, of a service that is there and cannot do its work.
    const CALLING: &str = "exception while calling ";
    const NO_ENGINE: &str = "Failed to establish a new connection";
    const NO_ANSWER: &str = "trying to serialize the response";
    let said = error.source.downcast_ref::<Said>()?;
    let message = said.message.trim();
    let lower = message.to_lowercase();
    if let Some(call) = message.strip_prefix(CALLING).filter(|_| said.status == 500) {
        let service = call.split('.').next().unwrap_or_default();
        return match call {
            _ if call.contains(NO_ENGINE) => Some(format!(
                "The program that its service {service} is made of does not run; its log tells why."
            )),
            _ if call.contains(NO_ANSWER) => Some(format!("It does not tell of what it has: {message}")),
            _ => None,
        };
    }
    let lacks = said.status == 501
        || said.code.contains("NotImplemented")
        || said.status >= 500 && WORDS.iter().any(|words| lower.contains(words));
    let words = match message {
        "" => format!("It answers with the status {}.", said.status),
        message => message.to_owned(),
    };
    lacks.then_some(words)
}

/// The graph without what is lacking and without what refers to that; and what was left out. Who would only have waited for
/// what is left out does not.
///
/// # Errors
/// None that a graph meets: what is left of it is one.
pub fn prune(graph: &Graph, lacking: &Lacking) -> Result<(Graph, Vec<LeftOut>), GraphError> {
    let mut left_out: BTreeMap<Key, LeftOut> = BTreeMap::new();
    for node in graph.ordered() {
        if let Some(words) = lacking.0.get(&node.kind) {
            let lacks = BTreeSet::from([node.kind.clone()]);
            left_out.insert(node.key.clone(), LeftOut { node: node.clone(), lacks, reason: words.clone() });
            continue;
        }
        let needs: BTreeSet<Key> =
            references(&node.spec).into_iter().map(|reference| reference.key).collect();
        let needs: Vec<&LeftOut> = needs.iter().filter_map(|key| left_out.get(key)).collect();
        if !needs.is_empty() {
            let lacks: BTreeSet<Kind> = needs.iter().flat_map(|one| one.lacks.clone()).collect();
            let needed: Vec<_> = needs.iter().map(|one| one.node.key.as_str()).collect();
            let reason = format!("Needs {}, left out as well", needed.join(", "));
            left_out.insert(node.key.clone(), LeftOut { node: node.clone(), lacks, reason });
        }
    }
    let kept = graph.nodes().filter(|node| !left_out.contains_key(&node.key)).cloned().map(|mut node| {
        node.depends_on.retain(|key| !left_out.contains_key(key));
        node
    });
    let pruned =
        Graph::new(graph.scope.clone(), graph.packages.clone(), kept)?.noting(graph.notes.iter().cloned());
    Ok((pruned, left_out.into_values().collect()))
}

/// The services of these kinds: `DynamoDB` and `Lambda`.
pub fn services<'a>(kinds: impl IntoIterator<Item = &'a Kind>) -> String {
    let service = |kind: &Kind| kind.to_string().split("::").nth(1).unwrap_or_default().to_owned();
    let services: BTreeSet<_> = kinds.into_iter().map(service).collect();
    services.into_iter().collect::<Vec<_>>().join(", ")
}

/// What is left out, in a sentence; none where nothing is.
pub fn sentence(left_out: &[LeftOut]) -> Option<String> {
    let services = services(left_out.iter().flat_map(|one| &one.lacks));
    let count = counted(left_out.len() as u64, "resource");
    let are = if left_out.len() == 1 { "is" } else { "are" };
    (!left_out.is_empty())
        .then(|| format!("{count} of the blueprint {are} left out, because local AWS lacks {services}."))
}

#[cfg(test)]
mod tests {
    use resource::{Class, Error, Scope};
    use serde_json::{Value, json};

    use super::*;

    fn error(code: &str, message: &str, status: u16) -> Error {
        let said = Said { code: code.to_owned(), message: message.to_owned(), status };
        Error::new("ecs:ListClusters", "clusters", Class::RetryLater, said)
    }

    #[test]
    fn a_service_that_is_not_there_says_so_in_one_of_these_ways() {
        let plan = "The API for service ecs is either not included in your current license plan or has not yet been \
                    emulated by LocalStack.";
        let engine = "exception while calling dynamodb.ListTables: Pool(host='localhost', port=1): Max retries exceeded \
                      with url: / (Caused by NewConnectionError(\"Failed to establish a new connection\"))";
        let all = [
            error("InternalFailure", plan, 501),
            error("InternalFailure", plan, 500),
            error("InternalError", engine, 500),
            error(
                "InternalError",
                "exception while calling cloudwatch.DescribeAlarms: An error occurred when trying to serialize the response.",
                500,
            ),
            error("", "", 501),
        ];
        let words: Vec<_> =
            all.iter().map(|error| is_lacking(error).unwrap_or_else(|| "not lacking".to_owned())).collect();
        insta::assert_snapshot!(words.join("\n"));
    }

    #[test]
    fn trouble_of_any_other_kind_is_no_lack() {
        let all = [
            error("InternalFailure", "something broke", 500),
            error("InternalError", "exception while calling cloudwatch.DescribeAlarms: a bug", 500),
            error("ServiceUnavailable", "starting", 503),
            error("AccessDenied", "not included in your current license plan", 403),
            error("", "dispatch failure: tcp connect error: Connection refused", 0),
        ];
        assert!(all.iter().all(|error| is_lacking(error).is_none()));
        assert_eq!(is_lacking(&Error::new("a:B", "c", Class::Fatal, "not implemented")), None);
    }

    fn node(key: &str, kind: &'static str, spec: Value, after: &[&str]) -> Node {
        let key: Key = key.parse().unwrap();
        let refers = references(&spec).into_iter().map(|reference| reference.key);
        let depends_on = refers.chain(after.iter().map(|key| key.parse().unwrap())).collect();
        Node { key, kind: Kind::new(kind), name: None, spec, retained: false, depends_on }
    }

    #[test]
    fn what_refers_to_what_is_lacking_goes_with_it_and_what_only_waits_for_it_stays() {
        let text = |text: &str| text.to_owned();
        let scope = Scope {
            project: text("headwater"),
            environment: text("local"),
            account: text("000000000000"),
            region: text("us-east-1"),
        };
        let nodes = [
            node("a/table", "T::Table", json!({}), &[]),
            node("a/mapping", "T::Mapping", json!({"arn": "${a/table.streamArn}"}), &[]),
            node("a/alarm", "T::Alarm", json!({"of": ["${a/mapping}", "${a/queue}"]}), &[]),
            node("a/queue", "T::Queue", json!({}), &["a/table"]),
            node("a/topic", "T::Topic", json!({"queue": "${a/queue}"}), &["a/alarm"]),
        ];
        let graph = Graph::new(scope, BTreeMap::new(), nodes).unwrap();
        let lacking = Lacking(BTreeMap::from([(Kind::new("T::Table"), text("no tables here"))]));
        let (pruned, left_out) = prune(&graph, &lacking).unwrap();
        let kept: Vec<_> = pruned.nodes().map(|node| (node.key.as_str(), node.depends_on.len())).collect();
        assert_eq!(kept, [("a/queue", 0), ("a/topic", 1)]);
        let reasons: Vec<_> =
            left_out.iter().map(|one| format!("{}: {}", one.node.key, one.reason)).collect();
        insta::assert_snapshot!(reasons.join("\n"), @r"
        a/alarm: Needs a/mapping, left out as well
        a/mapping: Needs a/table, left out as well
        a/table: no tables here
        ");
        assert_eq!(
            sentence(&left_out).unwrap(),
            "3 resources of the blueprint are left out, because local AWS lacks Table."
        );
        assert_eq!(prune(&graph, &Lacking::default()).unwrap(), (graph, Vec::new()));
    }
}
