//! The longest chain of calls that each need the one before: what a run cannot be quicker than.
//!
//! What needs what is told from three things, so that only what waits by its nature is in the chain:
//!
//! - Of one flow's calls, those that overlap in time need none of each other; one that began after another had ended needs it.
//! - A step needs the steps that the plan says it is after, and no others. That it waited for a place among the running ones,
//!   or for the processor, is not in the chain.
//! - Phases of a run follow one another where they do not overlap. Flows of one phase need none of each other.

use std::{collections::BTreeMap, time::Duration};

use resource::Step;

use crate::flow::Flow;

/// A call that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What made it.
    pub flow: Flow,
    /// Service and operation: `sqs:CreateQueue`.
    pub operation: String,
    /// What it is about, where it says so.
    pub resource: String,
    /// When it came.
    pub start: Duration,
    /// When it was answered.
    pub end: Duration,
}

/// The calls of the longest chain, in their order. `steps` are the plan's that was carried out; they come after those that
/// they wait for.
pub fn longest<'a>(calls: &'a [Call], steps: &[Step]) -> Chain<'a> {
    let mut phases = BTreeMap::<&str, BTreeMap<&str, Vec<&Call>>>::new();
    for call in calls.iter().filter(|call| call.flow.phase != Flow::BESIDE) {
        phases.entry(&call.flow.phase).or_default().entry(&call.flow.work).or_default().push(call);
    }
    let phases = phases.into_iter().filter_map(|(phase, flows)| {
        let calls = flows.values().flatten();
        let (start, end) = (calls.clone().map(|call| call.start).min()?, calls.map(|call| call.end).max()?);
        let chains = flows.into_iter().map(|(work, calls)| (work, of_flow(&calls)));
        let chain = if phase == Flow::STEPS {
            through(steps, &chains.collect())
        } else {
            chains.map(|(_, chain)| chain).max_by_key(Vec::len)?
        };
        Some(Piece { start, end, chain })
    });
    one_after_another(phases.collect())
}

/// Calls, each of which needs the one before.
pub type Chain<'a> = Vec<&'a Call>;

/// A part of a run, from its first call to its last one's end, and the chain in it.
struct Piece<'a> {
    start: Duration,
    end: Duration,
    chain: Chain<'a>,
}

fn of_flow<'a>(calls: &[&'a Call]) -> Chain<'a> {
    let piece = |call: &&'a Call| Piece { start: call.start, end: call.end, chain: vec![*call] };
    one_after_another(calls.iter().map(piece).collect())
}

/// The longest chain through pieces none of which begins before the one before has ended.
fn one_after_another(mut pieces: Vec<Piece<'_>>) -> Chain<'_> {
    pieces.sort_by_key(|piece| piece.end);
    let mut chains: Vec<Chain<'_>> = Vec::new();
    for (place, piece) in pieces.iter().enumerate() {
        let before = pieces[..place].iter().zip(&chains).filter(|(before, _)| before.end <= piece.start);
        let mut chain = longest_of(before.map(|(_, chain)| chain));
        chain.extend(&piece.chain);
        chains.push(chain);
    }
    longest_of(&chains)
}

/// The longest chain through the steps, each of which has the chain of its own.
fn through<'a>(steps: &[Step], own: &BTreeMap<&str, Chain<'a>>) -> Chain<'a> {
    let mut chains: Vec<Chain<'a>> = Vec::new();
    for step in steps {
        let mut chain = longest_of(step.after.iter().filter_map(|place| chains.get(*place)));
        chain.extend(own.get(step.key.as_str()).into_iter().flatten());
        chains.push(chain);
    }
    longest_of(&chains)
}

fn longest_of<'a: 'b, 'b>(chains: impl IntoIterator<Item = &'b Chain<'a>>) -> Chain<'a> {
    chains.into_iter().max_by_key(|chain| chain.len()).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use resource::Action;

    use super::*;

    /// A call from `start` to `end`, in milliseconds.
    fn call(flow: &str, operation: &str, start: u64, end: u64) -> Call {
        let millis = Duration::from_millis;
        let (flow, operation) = (flow.parse().unwrap(), operation.to_owned());
        Call { flow, operation, resource: String::new(), start: millis(start), end: millis(end) }
    }

    fn step(key: &str, after: &[usize]) -> Step {
        Step {
            key: key.parse().unwrap(),
            kind: resource::Kind::new("AWS::EC2::VPC"),
            action: Action::Create,
            id: None,
            reason: None,
            changes: Vec::new(),
            after: after.to_vec(),
        }
    }

    fn chain(calls: &[Call], steps: &[Step]) -> String {
        longest(calls, steps).iter().map(|call| call.operation.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn of_a_flow_what_overlaps_is_one_and_what_follows_is_more() {
        let calls = [
            call("survey 1/AWS::SQS::Queue", "List", 0, 10),
            call("survey 1/AWS::SQS::Queue", "Get-a", 10, 25),
            call("survey 1/AWS::SQS::Queue", "Get-b", 11, 21),
            call("survey 1/AWS::SQS::Queue", "Tags-b", 21, 31),
        ];
        assert_eq!(chain(&calls, &[]), "List Get-b Tags-b");
    }

    #[test]
    fn of_flows_at_once_the_longest_counts_and_phases_add_up() {
        let calls = [
            call("guard/", "Guard", 0, 10),
            call("survey 1/AWS::SQS::Queue", "List", 10, 20),
            call("survey 1/AWS::IAM::Role", "ListRoles", 10, 20),
            // In turn with the other family's by chance.
            call("survey 1/AWS::IAM::Role", "GetRole", 20, 30),
            call("lease/", "Lease", 30, 40),
            call("beside/history", "Record", 40, 50),
        ];
        assert_eq!(chain(&calls, &[]), "Guard ListRoles GetRole Lease");
    }

    #[test]
    fn phases_that_overlap_need_nothing_of_each_other() {
        let calls = [
            call("guard/", "Guard", 0, 10),
            call("boundary/", "Boundary", 10, 20),
            call("survey 1/AWS::SQS::Queue", "List", 12, 22),
            call("survey 1/AWS::SQS::Queue", "Get", 22, 32),
        ];
        assert_eq!(chain(&calls, &[]), "Guard List Get");
    }

    /// `b` waited for `a` though the plan does not ask for it, as where too few may run at once.
    #[test]
    fn a_step_needs_those_alone_that_the_plan_says() {
        let steps =
            [step("network/a", &[]), step("network/b", &[]), step("network/c", &[0]), step("network/d", &[])];
        let calls = [
            call("steps/network/a", "MakeA", 0, 10),
            call("steps/network/a", "SeeA", 10, 20),
            call("steps/network/b", "MakeB", 20, 30),
            call("steps/network/c", "MakeC", 30, 40),
            call("steps/network/d", "MakeD", 40, 50),
            call("steps/network/d", "SeeD", 50, 60),
        ];
        assert_eq!(chain(&calls, &steps), "MakeA SeeA MakeC");
    }

    #[test]
    fn a_chain_leads_through_a_step_that_makes_no_call() {
        let steps = [step("network/a", &[]), step("network/b", &[0]), step("network/c", &[1])];
        let calls = [call("steps/network/a", "MakeA", 0, 10), call("steps/network/c", "MakeC", 10, 20)];
        assert_eq!(chain(&calls, &steps), "MakeA MakeC");
    }

    #[test]
    fn no_calls_make_no_chain() {
        assert_eq!(chain(&[], &[]), "");
    }
}
