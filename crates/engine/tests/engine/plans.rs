//! Plans and refusals as people and machines read them.

use engine::{Mode, Survey, plan, text};
use resource::{Action, Observed, Owner};
use serde_json::json;

use crate::{
    blueprint::{graph, graph_of, graph_with, key, node, nodes},
    families::{Model, Network, Queue, Table},
    lab::Lab,
};

/// The text without its colours.
fn plain(plan: &resource::Plan) -> String {
    let mut text = text::render(plan);
    while let Some(start) = text.find('\u{1b}') {
        let end = start + text[start..].find('m').unwrap();
        text.replace_range(start..=end, "");
    }
    text
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_a_new_environment() {
    let lab = Lab::new();
    let plan = lab.plan(&graph(), Mode::Deploy).await;
    insta::assert_snapshot!("new_text", plain(&plan));
    insta::assert_snapshot!("new_json", serde_json::to_string_pretty(&plan).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_every_action() {
    let mut before = nodes();
    before.push(node::<Table>("stateful/archive", json!({}), &[]).retained());
    before.push(node::<Queue>("old/letters", json!({"days": 1}), &[]));
    let lab = Lab::deployed(&graph_of(before)).await;
    {
        let mut world = lab.cloud.world();
        world.get(&Queue::KIND, "headwater-dev-queue").unwrap().busy = 1;
        world.things.get_mut(&crate::families::Mapping::KIND).unwrap().clear();
        let role = world.get(&crate::families::Role::KIND, "headwater-dev-role").unwrap();
        role.fields.insert(
            "policy".into(),
            json!({"Action": ["sqs:SendMessage", "sqs:ReceiveMessage"], "Effect": "Allow"}),
        );
        let mut twin = world.things[&Network::KIND][0].clone();
        twin.id = "id-900".into();
        twin.created = "000900".into();
        world.things.get_mut(&Network::KIND).unwrap().push(twin);
    }
    let mut wanted = graph_with("ingest/function", "fixed", json!("new\u{9b}31m zip"));
    wanted.packages.insert("ingest".into(), "other sha".into());
    let plan = lab.plan(&wanted, Mode::Deploy).await;
    insta::assert_snapshot!("every_action_text", plain(&plan));
    insta::assert_snapshot!("every_action_json", serde_json::to_string_pretty(&plan).unwrap());
}

#[tokio::test(start_paused = true)]
async fn who_refers_to_what_a_step_makes_anew_is_changed_with_it() {
    let lab = Lab::deployed(&graph()).await;
    let changed = graph_with("ingest/function", "memory", json!(256));
    let plan = lab.plan(&changed, Mode::Deploy).await;
    let steps: Vec<_> = plan.steps.iter().map(|step| (step.key.as_str(), step.changes[0].clone())).collect();
    insta::assert_snapshot!(serde_json::to_string_pretty(&steps).unwrap());
    lab.run(&changed, Mode::Deploy).await.unwrap().unwrap();
    assert!(lab.plan(&changed, Mode::Deploy).await.is_converged());
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_a_destroy() {
    let lab = Lab::deployed(&graph()).await;
    let some = lab.plan(&graph(), Mode::Destroy { include_stateful: false }).await;
    let all = lab.plan(&graph(), Mode::Destroy { include_stateful: true }).await;
    insta::assert_snapshot!("destroy_text", format!("{}\n\n{}", plain(&some), plain(&all)));
}

#[tokio::test(start_paused = true)]
async fn every_reason_for_a_refusal_is_given_at_once() {
    let mut forbidden = nodes();
    forbidden[2].spec["forbidden"] = json!(8);
    let lab = Lab::deployed(&graph_of(forbidden)).await;
    {
        let mut world = lab.cloud.world();
        world
            .get(&Table::KIND, "headwater-dev-journal")
            .unwrap()
            .fields
            .insert("fixed".into(), json!("other key"));
        let stranger = Owner::Other("tagged Name=letters".into());
        world.get(&Queue::KIND, "headwater-dev-queue").unwrap().owner = stranger;
        world.get(&Queue::KIND, "headwater-dev-failures").unwrap().owner = Owner::Us(key("ingest/dlq"));
    }
    let mut wanted = nodes();
    wanted[2].spec["forbidden"] = json!(4);
    wanted.push(resource::Node {
        kind: resource::Kind::new("Test::Moon"),
        ..node::<Queue>("ingest/moon", json!({}), &[])
    });
    let refused = engine::propose(&graph_of(wanted), &lab.families, Mode::Deploy).await.unwrap_err();
    insta::assert_snapshot!(refused);
}

fn seen(id: &str, key_of: &str, created: &str, spec: serde_json::Value) -> Observed {
    let (id, outputs) = (id.to_owned(), [("arn".to_owned(), format!("arn:test:{id}"))].into());
    let (owner, created) = (Owner::Us(key(key_of)), Some(created.to_owned()));
    Observed { id, name: None, owner, spec, outputs, created, pending: None }
}

#[test]
fn of_duplicates_the_one_that_others_depend_on_is_kept() {
    let lab_families = crate::families::families(&Default::default());
    let graph = graph_of(vec![node::<Network>("net/work", json!({}), &[]).retained()]);
    let networks = vec![seen("old", "net/work", "1", json!({})), seen("used", "net/work", "2", json!({}))];
    let user = |arn: &str| vec![seen("user", "other/user", "3", json!({"peers": [{"of": arn}]}))];
    let deleted = |users: Vec<Observed>| {
        let survey = Survey::new([(Network::KIND, networks.clone()), (Queue::KIND, users)]);
        let plan = plan(&graph, &survey, &lab_families, Mode::Deploy).unwrap();
        plan.steps
            .into_iter()
            .filter(|step| step.key == key("net/work"))
            .map(|step| step.id.unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(deleted(vec![]), ["used"]);
    assert_eq!(deleted(user("arn:test:used")), ["old"]);
    assert_eq!(deleted(user("arn:test:used/part")), ["old"]);
    assert_eq!(deleted(user("arn:test:used-not")), ["used"]);
}

#[test]
fn a_named_retained_resource_is_never_deleted_as_a_duplicate() {
    let families = crate::families::families(&Default::default());
    let graph = graph_of(vec![node::<Table>("stateful/journal", json!({}), &[]).retained()]);
    let table = |id: &str, created| Observed {
        name: Some("headwater-dev-journal".into()),
        ..seen(id, "stateful/journal", created, json!({}))
    };
    let survey = Survey::new([(Table::KIND, vec![table("one", "1"), table("two", "2")])]);
    let plan = plan(&graph, &survey, &families, Mode::Deploy).unwrap();
    assert!(plan.is_converged());
    insta::assert_snapshot!(plan.notes.join("\n"));
}

#[test]
fn a_renamed_resource_is_replaced_and_a_retained_one_refused() {
    let families = crate::families::families(&Default::default());
    let queue = node::<Queue>("ingest/queue", json!({}), &[]);
    let before = Observed { name: Some("other".into()), ..seen("other", "ingest/queue", "1", json!({})) };
    let survey = Survey::new([(Queue::KIND, vec![before])]);
    let replaced = plan(&graph_of(vec![queue.clone()]), &survey, &families, Mode::Deploy).unwrap();
    assert_eq!(
        (replaced.steps[0].action, replaced.steps[0].changes[0].field.as_str()),
        (Action::Replace, "name")
    );
    let refused = plan(&graph_of(vec![queue.retained()]), &survey, &families, Mode::Deploy).unwrap_err();
    assert!(refused.to_string().contains(r#"`name` ("other" → "headwater-dev-queue")"#), "{refused}");
}

#[test]
fn two_orphans_that_name_each_other_are_deleted_one_after_the_other() {
    let families = crate::families::families(&Default::default());
    let queues = vec![
        seen("a", "old/a", "1", json!({"dlq": "arn:test:b"})),
        seen("b", "old/b", "1", json!({"allows": "arn:test:a"})),
    ];
    let survey = Survey::new([(Queue::KIND, queues)]);
    let plan = plan(&graph_of(vec![]), &survey, &families, Mode::Deploy).unwrap();
    assert_eq!(plan.steps.iter().map(|step| step.after.len()).sum::<usize>(), 1);
}
