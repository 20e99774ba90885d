//! The family against scripted responses.

use std::sync::{Arc, Mutex};

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Desired, Effect, Family, Owner, Progress, Result, Spec};
use serde_json::Value;

use super::{Observed, OidcProviderSpec, OidcProviders, github_provider_key};
use crate::tests::{answer, error, parameter, scope};

const ARN: &str = "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com";

fn provider(clients: &[&str]) -> Reply {
    let clients: String = clients.iter().map(|client| format!("<member>{client}</member>")).collect();
    answer(
        "GetOpenIDConnectProvider",
        &format!(
            "<Url>token.actions.githubusercontent.com</Url><ClientIDList>{clients}</ClientIDList>\
             <ThumbprintList><member>6938fd4d98bab03faadb97b34396831e3780aea1</member></ThumbprintList>\
             <CreateDate>2026-11-22T10:00:00Z</CreateDate>"
        ),
    )
}

/// IAM that finds the provider, with these audiences, after `unseen` attempts.
fn iam(mut unseen: u32, clients: &'static [&'static str], created: Reply) -> Script {
    Script::new(move |request| match request.operation.as_str() {
        "GetOpenIDConnectProvider" => {
            assert_eq!(parameter(request, "OpenIDConnectProviderArn").as_deref(), Some(ARN));
            unseen = unseen.saturating_sub(1);
            if unseen == 0 { provider(clients) } else { error("NoSuchEntity") }
        }
        "CreateOpenIDConnectProvider" => created.clone(),
        other => answer(other, ""),
    })
}

fn made() -> Reply {
    answer(
        "CreateOpenIDConnectProvider",
        &format!("<OpenIDConnectProviderArn>{ARN}</OpenIDConnectProviderArn>"),
    )
}

async fn survey(script: &Script) -> Vec<Observed<OidcProviderSpec>> {
    OidcProviders::new(&script.config()).survey(&scope()).await.unwrap()
}

async fn ensure(
    script: &Script,
    observed: Option<&Observed<OidcProviderSpec>>,
) -> Result<Observed<OidcProviderSpec>> {
    let desired =
        Desired { key: github_provider_key().unwrap(), name: None, spec: OidcProviderSpec::github() };
    OidcProviders::new(&script.config()).ensure(&scope(), &desired, observed, &Progress::silent()).await
}

#[tokio::test]
async fn a_provider_that_is_there_is_ours_whoever_made_it_and_whatever_else_it_is_for() {
    let script = iam(1, &["sts.amazonaws.com", "somebody-elses"], made());
    let found = survey(&script).await;
    assert_eq!((found.len(), &found[0].owner), (1, &Owner::Us("bootstrap/oidc-provider".parse().unwrap())));
    assert_eq!(found[0].spec, OidcProviderSpec::github());
    assert_eq!((found[0].id.as_str(), found[0].outputs["arn"].as_str()), (ARN, ARN));
    ensure(&script, Some(&found[0])).await.unwrap();
    assert_eq!(script.operations(), ["GetOpenIDConnectProvider"]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_made_where_there_is_none_and_waited_for() {
    let script = iam(3, &["sts.amazonaws.com"], made());
    assert_eq!(survey(&script).await, []);
    assert_eq!(ensure(&script, None).await.unwrap().id, ARN);
    let get = "GetOpenIDConnectProvider";
    assert_eq!(script.operations(), [get, "CreateOpenIDConnectProvider", get, get]);
    let create = &script.requests()[1];
    let url = "https://token.actions.githubusercontent.com";
    assert_eq!(parameter(create, "Url").as_deref(), Some(url));
    assert_eq!(parameter(create, "ClientIDList.member.1").as_deref(), Some("sts.amazonaws.com"));
    assert_eq!(parameter(create, "ThumbprintList.member.1"), None);
}

#[tokio::test(start_paused = true)]
async fn that_somebody_made_it_meanwhile_for_something_else_is_fine() {
    let script = iam(2, &["somebody-elses"], error("EntityAlreadyExists"));
    assert_eq!(survey(&script).await, []);
    assert_eq!(ensure(&script, None).await.unwrap().spec, OidcProviderSpec::github());
    let calls = script.operations();
    let last = ["GetOpenIDConnectProvider", "AddClientIDToOpenIDConnectProvider"];
    assert_eq!(calls[calls.len() - 2..], last);
}

#[tokio::test]
async fn an_audience_that_is_missing_is_added_and_no_other_is_touched() {
    let script = iam(1, &["somebody-elses"], made());
    let found = survey(&script).await.remove(0);
    assert!(found.spec.client_id_list.is_empty());
    assert_eq!(ensure(&script, Some(&found)).await.unwrap().spec, OidcProviderSpec::github());
    let added = script.requests().pop().unwrap();
    assert_eq!(added.operation, "AddClientIDToOpenIDConnectProvider");
    assert_eq!(parameter(&added, "ClientID").as_deref(), Some("sts.amazonaws.com"));
    assert_eq!(parameter(&added, "OpenIDConnectProviderArn").as_deref(), Some(ARN));
}

#[tokio::test]
async fn a_provider_that_no_survey_finds_is_not_made() {
    let script = iam(1, &[], made());
    let spec = OidcProviderSpec { url: "https://example.org".into(), ..OidcProviderSpec::github() };
    let desired = Desired { key: github_provider_key().unwrap(), name: None, spec };
    let family = OidcProviders::new(&script.config());
    assert!(family.ensure(&scope(), &desired, None, &Progress::silent()).await.is_err());
    assert_eq!(script.operations(), [""; 0]);
}

#[tokio::test]
async fn a_provider_is_never_deleted_and_says_so() {
    let script = iam(1, &["sts.amazonaws.com"], made());
    let providers = OidcProviders::new(&script.config());
    let found = providers.find(&scope(), ARN).await.unwrap().unwrap();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let progress = Progress::new({
        let notes = Arc::clone(&notes);
        move |note| notes.lock().unwrap().push(note)
    });
    providers.delete(&found, &progress).await.unwrap();
    providers.adopt(&scope(), &github_provider_key().unwrap(), &found).await.unwrap();
    assert_eq!(*notes.lock().unwrap(), [format!("{ARN} is shared by the whole account and stays")]);
    assert_eq!(script.operations(), ["GetOpenIDConnectProvider"]);
    assert_eq!(providers.find(&scope(), "another").await.unwrap(), None);
}

#[test]
fn a_provider_is_never_made_anew() {
    let effect = |field| OidcProviderSpec::effect(field, &Value::Null, &Value::Null);
    assert!(matches!(effect("url"), Effect::Refuse(_)));
    assert_eq!(effect("clientIdList"), Effect::Update);
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    assert_actions::<OidcProviders>(&[include_str!("../oidc_providers.rs")], &[]);
}
