//! What an environment has, observed by all families at once.

use std::collections::BTreeMap;

use futures::future::join_all;
use resource::{Families, Key, Kind, Observed, Owner, Scope};

use crate::caught::{StepError, caught, chain};

/// Everything that was observed, by kind: what is ours, and what has a name like ours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey(BTreeMap<Kind, Vec<Observed>>);

impl Survey {
    /// A survey that saw these. Within a kind they are kept in the order of their ids.
    pub fn new(resources: impl IntoIterator<Item = (Kind, Vec<Observed>)>) -> Self {
        let mut survey = Self::default();
        for (kind, observed) in resources {
            survey.0.entry(kind).or_default().extend(observed);
        }
        for observed in survey.0.values_mut() {
            observed.sort_by(|a, b| a.id.cmp(&b.id));
        }
        survey
    }

    /// Every resource with its kind.
    pub fn resources(&self) -> impl Iterator<Item = (&Kind, &Observed)> {
        self.0.iter().flat_map(|(kind, observed)| observed.iter().map(move |one| (kind, one)))
    }

    /// Every resource that is ours, with its kind and key.
    pub fn ours(&self) -> impl Iterator<Item = (&Kind, &Key, &Observed)> {
        self.resources().filter_map(|(kind, observed)| match &observed.owner {
            Owner::Us(key) => Some((kind, key, observed)),
            Owner::Other(_) => None,
        })
    }

    /// The resources of that kind, whosever they are.
    pub fn of(&self, kind: &Kind) -> &[Observed] {
        self.0.get(kind).map_or(&[], Vec::as_slice)
    }

    /// The resources of that kind which are ours and have that key: one, unless a lost reply made two.
    pub fn keyed<'a>(&'a self, kind: &Kind, key: &'a Key) -> impl Iterator<Item = &'a Observed> {
        self.of(kind)
            .iter()
            .filter(move |observed| matches!(&observed.owner, Owner::Us(owner) if owner == key))
    }

    /// The resource of that kind which AWS calls `id`.
    pub fn find(&self, kind: &Kind, id: &str) -> Option<&Observed> {
        self.of(kind).iter().find(|observed| observed.id == id)
    }
}

/// Families that could not be observed.
#[derive(Debug, thiserror::Error)]
#[error("{} could not be observed:{}", some_of(.failed.len(), *.families), listed(.failed))]
pub struct SurveyError {
    /// How many families were asked.
    pub families: usize,
    /// What each that failed said.
    pub failed: Vec<(Kind, StepError)>,
}

fn some_of(failed: usize, families: usize) -> String {
    format!("{failed} of {families} resource families")
}

fn listed(failed: &[(Kind, StepError)]) -> String {
    failed.iter().map(|(kind, error)| format!("\n  {kind}: {}", chain(error))).collect()
}

/// Observes the environment: one listing a family, all families at once.
///
/// # Guarantees
/// Changes nothing. A family that fails or panics does not keep the others from being asked, so that the error names
/// all that failed.
///
/// # Errors
/// [`SurveyError`]: what is not seen must not be planned for.
pub async fn survey(families: &Families, scope: &Scope) -> Result<Survey, SurveyError> {
    let asked = families.iter().map(|(kind, family)| async move {
        (kind.clone(), caught(async { family.survey(scope).await }).await)
    });
    let (mut seen, mut failed) = (Vec::new(), Vec::new());
    for (kind, answer) in join_all(asked).await {
        match answer {
            Ok(observed) => seen.push((kind, observed)),
            Err(error) => failed.push((kind, error)),
        }
    }
    if failed.is_empty() {
        Ok(Survey::new(seen))
    } else {
        Err(SurveyError { families: families.len(), failed })
    }
}
