//! The processes of the functions that an emulator runs: the members of its process group, but for itself.

use std::io;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::Error;

/// A process that runs a function's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionProcess {
    id: u32,
    command: String,
}

impl FunctionProcess {
    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The command that it runs, with its arguments.
    #[must_use]
    pub fn command(&self) -> &str {
        &self.command
    }

    /// Ends it at once, as the machine under a function may end.
    ///
    /// # Errors
    /// [`Error::Kill`] when it has ended already.
    pub fn kill(&self) -> Result<(), Error> {
        let killed = match pid(self.id) {
            Some(pid) => kill_process(pid, Signal::KILL).map_err(io::Error::from),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        killed.map_err(|source| Error::Kill { id: self.id, source })
    }
}

/// Ends a process group; one that is gone already is no error.
pub(crate) fn kill_group(leader: u32) -> io::Result<()> {
    match pid(leader).map(|leader| kill_process_group(leader, Signal::KILL)) {
        None | Some(Ok(()) | Err(rustix::io::Errno::SRCH)) => Ok(()),
        Some(Err(error)) => Err(error.into()),
    }
}

/// The members of a process group, but for its leader.
pub(crate) fn of_group(leader: u32) -> Result<Vec<FunctionProcess>, Error> {
    let output = Command::new("ps")
        .args(["-A", "-o", "pid=,pgid=,stat=,command="])
        .output()
        .map_err(|source| Error::Processes { source })?;
    Ok(parse(&String::from_utf8_lossy(&output.stdout), leader))
}

/// Reads lines of process id, group id, state and command. A process that has ended and was not waited for yet (state
/// `Z`) runs nothing.
fn parse(listing: &str, leader: u32) -> Vec<FunctionProcess> {
    let member = |line: &str| {
        let (id, rest) = line.trim_start().split_once(' ')?;
        let (group, rest) = rest.trim_start().split_once(' ')?;
        let (state, command) = rest.trim_start().split_once(' ')?;
        let id: u32 = id.parse().ok()?;
        let group: u32 = group.parse().ok()?;
        let runs = group == leader && id != leader && !state.starts_with('Z');
        runs.then(|| FunctionProcess { id, command: command.trim().to_owned() })
    };
    listing.lines().filter_map(member).collect()
}

pub(crate) fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_living_members_of_the_group_are_functions() {
        let listing = "\
    1     1 Ss   /sbin/init
  900   900 Sl   python run_ministack.py
  901   900 Sl   /scratch/code/bootstrap
  902   900 Z    [bootstrap] <defunct>
  903   903 Sl   /scratch/code/bootstrap
 1904   900 R+   /scratch/code/bootstrap --flag
";
        let found: Vec<_> = parse(listing, 900).into_iter().map(|found| (found.id, found.command)).collect();
        assert_eq!(
            found,
            [
                (901, "/scratch/code/bootstrap".to_owned()),
                (1904, "/scratch/code/bootstrap --flag".to_owned())
            ]
        );
    }
}
