//! Faults by chance that come again with their seed.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use super::{Fault, Request, Verdict};

/// Faults by chance. What the n-th call of an action on a resource meets depends on the seed alone, not on the order in
/// which calls of a concurrent run happen to come, so a run can be repeated.
#[derive(Debug)]
pub struct Seeded {
    seed: u64,
    /// Faults with their rates, between 0 and 1, that add up to 1 at most.
    rates: Vec<(Fault, f64)>,
    asked: Mutex<HashMap<String, u64>>,
}

impl Seeded {
    /// Faults of `seed` at these rates.
    #[must_use]
    pub fn new(seed: u64, rates: impl IntoIterator<Item = (Fault, f64)>) -> Self {
        Self { seed, rates: rates.into_iter().collect(), asked: Mutex::default() }
    }

    /// What the call meets.
    pub fn verdict(&self, request: &Request) -> Verdict {
        let what = without_ids(&format!("{}:{} {}", request.service, request.action, request.resource));
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let before = asked.entry(what.clone()).or_default();
        let mut chance = unit(self.seed, &what, *before);
        *before += 1;
        let fault = self.rates.iter().find_map(|(fault, rate)| {
            chance -= rate;
            (chance < 0.0).then_some(*fault)
        });
        Verdict { fault, then: None }
    }
}

/// A number in 0..1.
fn unit(seed: u64, what: &str, nth: u64) -> f64 {
    let hash = Sha256::new()
        .chain_update(seed.to_be_bytes())
        .chain_update(nth.to_be_bytes())
        .chain_update(what)
        .finalize();
    let number = hash.iter().take(6).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    number as f64 / (1u64 << 48) as f64
}

/// The text without the ids that a backend makes, which no two runs have alike: `vpc-0a1b2c3d4e` becomes `vpc-*`.
fn without_ids(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let (id, end) = match word.char_indices().last() {
            Some((at, last)) if !last.is_ascii_alphanumeric() => word.split_at(at),
            _ => (word, ""),
        };
        let made = id.len() >= 4
            && id.bytes().any(|c| c.is_ascii_digit())
            && id.bytes().all(|c| c.is_ascii_hexdigit());
        out.push_str(if made { "*" } else { id });
        out.push_str(end);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(resource: &str) -> Request {
        let (service, action) = ("ec2".to_owned(), "DescribeVpcs".to_owned());
        Request { number: 0, service, action, resource: resource.into(), flow: None }
    }

    #[test]
    fn a_seed_gives_the_same_faults_whatever_ids_are_made_and_another_gives_others() {
        let faults = |seed: u64, id: &str| {
            let seeded = Seeded::new(seed, [(Fault::Throttled, 0.1), (Fault::ResetAfter, 0.1)]);
            (0..1000).map(|_| seeded.verdict(&call(id)).fault).collect::<Vec<_>>()
        };
        let first = faults(1, "vpc-0a1b2c3d4e5f60718");
        assert_eq!(first, faults(1, "vpc-99887766554433221"));
        assert_ne!(first, faults(2, "vpc-0a1b2c3d4e5f60718"));
        let count = |fault| first.iter().filter(|met| **met == Some(fault)).count();
        assert!(
            (50..200).contains(&count(Fault::Throttled)) && (50..200).contains(&count(Fault::ResetAfter))
        );
    }

    #[test]
    fn names_stay_and_ids_go() {
        assert_eq!(without_ids("headwater-local-event-queue"), "headwater-local-event-queue");
        assert_eq!(
            without_ids("GET /2015-03-31/event-source-mappings/5b070a84-c5d5-460a-ac98-a0717cbc8e56"),
            "GET /*-03-31/event-source-mappings/*-*-*-*-*"
        );
    }
}
