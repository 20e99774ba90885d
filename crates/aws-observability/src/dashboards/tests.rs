//! The family against scripted responses.

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::Spec;
use serde_json::{Value, json};

use super::*;
use crate::{
    Alarm, function_errors, queue_not_empty,
    scripted::{cloudwatch, scope},
};

const NAME: &str = "headwater-dev_alarms_dashboard";

fn key() -> Key {
    "alarms/dashboard".parse().unwrap()
}

fn spec() -> DashboardSpec {
    let errors = || Line::of(&function_errors("headwater-dev-ingest"), "errors");
    let dead = || Line::of(&queue_not_empty("headwater-dev-dlq"), "dead letters");
    DashboardSpec::new(
        "eu-west-1",
        &[
            Widget::Text("# Headwater".into()),
            Widget::alarms("Alarms", [Alarm::new(&scope(), "ingest-errors").arn()]),
            Widget::graph("Ingest", [errors(), dead()]),
            Widget::graph("Errors", [errors()]),
            Widget::graph("Dead letters", [dead()]),
            Widget::graph("Once more", [dead()]),
        ],
    )
}

/// CloudWatch with our dashboard, whose body is this text.
fn aws(body: String) -> Script {
    Script::new(move |request| match request.operation.as_str() {
        "ListDashboards" => {
            let entry = json!({"DashboardName": NAME, "LastModified": 1_790_000_000, "Size": 1});
            Reply::json(200, json!({"DashboardEntries": [entry]}))
        }
        "GetDashboard" => Reply::json(200, json!({"DashboardName": NAME, "DashboardBody": body})),
        _ => Reply::json(200, json!({})),
    })
}

async fn observed(body: String) -> Observed<DashboardSpec> {
    let script = aws(body);
    Dashboards::new(&cloudwatch(&script)).survey(&scope()).await.unwrap().remove(0)
}

async fn ensure(
    script: &Script,
    want: DashboardSpec,
    there: Option<&Observed<DashboardSpec>>,
) -> Result<Observed<DashboardSpec>> {
    let desired = Desired { key: key(), name: Some(NAME.into()), spec: want };
    Dashboards::new(&cloudwatch(script)).ensure(&scope(), &desired, there, &Progress::silent()).await
}

#[test]
fn a_name_holds_the_key_and_no_other_environments_name_reads_as_ours() {
    assert_eq!(dashboard_name(&scope(), &key()), NAME);
    assert_eq!(dashboard_key(&scope(), NAME), Some(key()));
    let neighbour = Scope { environment: "dev-alarms".into(), ..scope() };
    let others =
        [&dashboard_name(&neighbour, &key()), "headwater-dev-alarms", "headwater-dev_alarms", "mine"];
    for other in others {
        assert_eq!(dashboard_key(&scope(), other), None, "{other}");
    }
}

#[test]
fn widgets_stand_side_by_side_and_under_each_other() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&spec()).unwrap());
}

#[tokio::test]
async fn a_survey_reads_every_page_and_tells_ours_by_their_names() {
    let script = Script::new(|request| {
        let asked = request.json();
        let entries = |name: &str| json!([{"DashboardName": name, "LastModified": 1_790_000_000}]);
        match (request.operation.as_str(), asked["NextToken"].as_str()) {
            ("ListDashboards", None) => {
                assert_eq!(asked["DashboardNamePrefix"], "headwater-dev_");
                Reply::json(200, json!({"DashboardEntries": entries(NAME), "NextToken": "2"}))
            }
            ("ListDashboards", Some("2")) => Reply::json(
                200,
                json!({"DashboardEntries": entries("headwater-dev_by-hand"), "NextToken": "3"}),
            ),
            ("ListDashboards", Some(_)) => {
                Reply::json(200, json!({"DashboardEntries": entries("headwater-dev_a_going")}))
            }
            _ if asked["DashboardName"] == "headwater-dev_a_going" => {
                Reply::error(404, "ResourceNotFound", "Dashboard does not exist")
            }
            _ => Reply::json(200, json!({"DashboardBody": spec().body.to_string()})),
        }
    });
    let found = Dashboards::new(&cloudwatch(&script)).survey(&scope()).await.unwrap();
    let owners: Vec<_> = found.iter().map(|dashboard| &dashboard.owner).collect();
    assert_eq!(owners, [&Owner::Us(key()), &Owner::Other("with a name that holds no key".into())]);
    assert_eq!(found[0].spec, spec());
    assert_eq!(found[0].outputs["arn"], format!("arn:aws:cloudwatch::111111111111:dashboard/{NAME}"));
}

#[tokio::test]
async fn one_call_makes_a_dashboard_with_its_tags_or_changes_it_and_a_converged_one_gets_none() {
    let script = aws(spec().body.to_string());
    let made = ensure(&script, spec(), None).await.unwrap();
    let found = observed(spec().body.to_string()).await;
    assert_eq!(made, found);
    let put = script.requests()[0].json();
    assert_eq!(put["Tags"].as_array().unwrap().len(), 3);
    assert_eq!(put["DashboardName"], NAME);
    let changed = DashboardSpec::new("eu-west-1", &[]);
    ensure(&script, changed.clone(), Some(&found)).await.unwrap();
    let put = script.requests().pop().unwrap().json();
    assert_eq!((&put["DashboardBody"], &put["Tags"]), (&json!(changed.body.to_string()), &Value::Null));
    let converged = aws(String::new());
    ensure(&converged, spec(), Some(&found)).await.unwrap();
    assert!(converged.operations().is_empty());
}

#[tokio::test]
async fn white_space_order_and_the_form_of_numbers_are_no_drift_and_no_json_is() {
    let theirs = r#" {"widgets": [{"y": 0, "x": 0.0, "width": 24.0, "height": 2, "type": "text",
        "properties": {"markdown": "0.5", "least": 5e-1}}]}"#;
    let ours = json!({"widgets": [{"type": "text", "x": 0, "y": 0, "width": 24, "height": 2,
        "properties": {"markdown": "0.5", "least": 0.5}}]});
    let (found, want) = (observed(theirs.to_owned()).await.spec, DashboardSpec { body: ours.into() });
    assert_eq!(found, want);
    let json = |spec: &DashboardSpec| serde_json::to_value(spec).unwrap();
    assert!(resource::diff(&json(&found), &json(&want), DashboardSpec::effect).is_empty());
    let broken = observed("{".to_owned()).await.spec;
    assert!(!resource::diff(&json(&broken), &json(&want), DashboardSpec::effect).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_waited_out_and_what_is_gone_is_deleted() {
    let mut attempts = 0;
    let script = Script::new(move |request| {
        attempts += 1;
        match request.operation.as_str() {
            "DeleteDashboards" => Reply::error(404, "DashboardNotFoundError", "gone"),
            _ if attempts == 1 => Reply::error(409, "ConflictException", "being changed"),
            _ => Reply::json(200, json!({})),
        }
    });
    let made = ensure(&script, spec(), None).await.unwrap();
    assert_eq!(script.operations(), ["PutDashboard"; 2]);
    Dashboards::new(&cloudwatch(&script)).delete(&made, &Progress::silent()).await.unwrap();
}

#[tokio::test]
async fn a_dashboard_is_found_by_name_or_arn_and_is_ours_by_its_name_or_never() {
    let script = aws(spec().body.to_string());
    let family = Dashboards::new(&cloudwatch(&script));
    let found = family.find(&scope(), NAME).await.unwrap().unwrap();
    assert_eq!(family.find(&scope(), &found.outputs["arn"]).await.unwrap().unwrap(), found);
    family.adopt(&scope(), &key(), &found).await.unwrap();
    let other = family.find(&scope(), "by-hand").await.unwrap().unwrap();
    assert_eq!(family.adopt(&scope(), &key(), &other).await.unwrap_err().class, Class::Fatal);
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    assert_actions::<Dashboards>(&[include_str!("../dashboards.rs")], &[]);
}
