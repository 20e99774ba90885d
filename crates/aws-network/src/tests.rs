//! The families against scripted EC2: every race that an emulator does not show, and every field of the specs.

pub(crate) mod cloud;
mod elastic_ip;
mod interfaces;
mod internet_gateway;
mod nat_gateway;
mod once;
mod route_table;
mod subnet;
mod vpc;

use std::sync::{Arc, Mutex};

use resource::{Desired, Family, Key, Observed, Progress, Scope};

pub(crate) fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

pub(crate) fn key(text: &str) -> Key {
    text.parse().unwrap()
}

/// Our tags for the resource of that key.
fn ours(text: &str) -> Vec<(String, String)> {
    scope().tags(&key(text)).into_iter().collect()
}

fn desired<S>(text: &str, spec: S) -> Desired<S> {
    Desired { key: key(text), name: None, spec }
}

/// What `ensure` leaves behind, which a survey must then see just so.
async fn ensured<F: Family>(
    family: &F,
    desired: &Desired<F::Spec>,
    observed: Option<&Observed<F::Spec>>,
) -> Observed<F::Spec> {
    let there = family.ensure(&scope(), desired, observed, &Progress::silent()).await.unwrap();
    assert_eq!(there.spec, desired.spec);
    assert!(family.survey(&scope()).await.unwrap().contains(&there), "{there:?}");
    there
}

/// Progress whose sentences are kept.
fn watched() -> (Progress, Arc<Mutex<Vec<String>>>) {
    let notes: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = Arc::clone(&notes);
    (Progress::new(move |note| sink.lock().unwrap().push(note)), notes)
}
