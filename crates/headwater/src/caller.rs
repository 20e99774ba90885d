//! Who runs this, for the lease and the history, and whether another holder's process is dead.

use std::{env, fs, process::Command};

use engine::Caller;
use resource::Lease;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, RefreshKind, System};

/// This process.
pub fn this() -> Caller {
    let user = ["GITHUB_ACTOR", "USER", "LOGNAME"].iter().find_map(|name| set(name));
    let name = System::host_name().unwrap_or_else(|| "unknown".to_owned());
    Caller {
        holder: format!("{}@{name}", user.unwrap_or_else(|| "unknown".to_owned())),
        host: host(&name),
        process: std::process::id(),
        commit: commit(),
    }
}

/// Whether the process that holds `lease` is known to be dead: it ran on this host, since its last boot, where we would see
/// it, and is no more. Of all others nothing is known.
pub fn is_dead(lease: &Lease) -> bool {
    lease.host == host(&System::host_name().unwrap_or_else(|| "unknown".to_owned())) && !exists(lease.process)
}

/// Name, boot and process namespace: two containers of one host do not see each other's processes.
fn host(name: &str) -> String {
    let namespace =
        fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string()).unwrap_or_default();
    format!("{name} {} {namespace}", System::boot_time()).trim_end().to_owned()
}

fn exists(process: u32) -> bool {
    let pid = Pid::from_u32(process);
    let mut system = System::new_with_specifics(RefreshKind::nothing());
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, ProcessRefreshKind::nothing());
    system.process(pid).is_some()
}

fn commit() -> Option<String> {
    set("GITHUB_SHA").or_else(|| {
        let output = Command::new("git").args(["rev-parse", "HEAD"]).output().ok()?;
        let commit = String::from_utf8(output.stdout).ok()?;
        (output.status.success() && !commit.trim().is_empty()).then(|| commit.trim().to_owned())
    })
}

fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(host: String, process: u32) -> Lease {
        Lease {
            owner: "run".into(),
            holder: "ann@host".into(),
            host,
            process,
            command: "deploy".into(),
            commit: None,
            taken_at_millis: 0,
            expires_at_millis: 0,
            heartbeat: 0,
        }
    }

    #[test]
    fn only_a_process_of_this_host_that_is_gone_is_known_to_be_dead() {
        let mut child = Command::new("true").spawn().unwrap();
        let process = child.id();
        child.wait().unwrap();
        let here = this().host;
        assert!(is_dead(&lease(here.clone(), process)));
        assert!(!is_dead(&lease(here, std::process::id())));
        assert!(!is_dead(&lease("another host".into(), process)));
    }
}
