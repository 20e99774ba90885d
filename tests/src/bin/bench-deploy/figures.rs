//! What was measured of a command, and what follows from it.

use std::time::Duration;

use resource::Step;

use crate::{
    LATENCIES,
    chain::{self, Call, Chain},
    environment::Command,
};

/// What was measured of a command.
pub struct Figures {
    /// The command.
    pub command: Command,
    /// What was seen of it at each of [`crate::LATENCIES`].
    pub runs: Vec<Run>,
}

/// A command that was carried out.
pub struct Run {
    /// How long it took.
    pub wall: Duration,
    /// Its calls.
    pub calls: Vec<Call>,
    /// How many of them may change something.
    pub changes: usize,
    /// The steps of the plan that it carried out.
    pub steps: Vec<Step>,
}

impl Figures {
    /// A command of which nothing was measured yet.
    pub fn new(command: Command) -> Self {
        Self { command, runs: Vec::new() }
    }

    /// The longest chain of calls that need one another: the shortest that was seen where calls take time. What is sent at once
    /// may come one after the other by chance, where the machine is busy, and then a chain seems longer than it is.
    pub fn chain(&self) -> Chain<'_> {
        let slow = self.runs.iter().zip(LATENCIES).filter(|(_, latency)| !latency.is_zero());
        let chains = slow.map(|(run, _)| chain::longest(&run.calls, &run.steps));
        chains.min_by_key(Vec::len).unwrap_or_default()
    }
}

impl Run {
    /// How many calls were in flight at once, at most.
    pub fn peak(&self) -> usize {
        let begun_by = |at| self.calls.iter().filter(|call| call.start <= at).count();
        let ended_by = |at| self.calls.iter().filter(|call| call.end <= at).count();
        self.calls.iter().map(|call| begun_by(call.start) - ended_by(call.start)).max().unwrap_or_default()
    }

    /// How many calls were in flight, on average over the whole time.
    pub fn mean(&self) -> f64 {
        let in_flight: Duration = self.calls.iter().map(|call| call.end - call.start).sum();
        in_flight.div_duration_f64(self.wall)
    }
}
