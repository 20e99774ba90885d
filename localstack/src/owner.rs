//! Who made something that outlives a process: a label, and whether that process is known to be dead.

use std::fmt;
use std::fs;
use std::process::Command;
use std::str::FromStr;

/// A process, told from any other that ever has its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    machine: Machine,
    process: u32,
    /// When it started, in the system's own words.
    started: String,
}

/// Where a process id means something: two containers of one machine do not see each other's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Machine {
    name: String,
    boot: String,
    namespace: String,
}

impl Owner {
    /// This process.
    pub(crate) fn this() -> Self {
        let process = std::process::id();
        let started = match seen(process) {
            Seen::Started(started) => started,
            Seen::Ended | Seen::Hidden => unknown(),
        };
        Self { machine: Machine::this(), process, started }
    }

    /// Whether it is known to be dead. Of a process on another machine, or in another container, nothing is known.
    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead_on(&Machine::this(), seen)
    }

    fn is_dead_on(&self, here: &Machine, seen: impl Fn(u32) -> Seen) -> bool {
        let Machine { name, boot, namespace } = &self.machine;
        if boot == UNKNOWN || here.boot == UNKNOWN {
            return false;
        }
        // A boot is one machine's. Its name, which a network may change, tells whose an earlier boot was.
        if *boot != here.boot {
            return *name == here.name;
        }
        *namespace == here.namespace
            && match seen(self.process) {
                Seen::Started(started) => self.started != UNKNOWN && started != self.started,
                Seen::Ended => true,
                Seen::Hidden => false,
            }
    }
}

/// What is seen of a process id.
enum Seen {
    /// A process has it, which started then.
    Started(String),
    /// No process has it any more. One that ended and was not waited for (state `Z`) runs no more.
    Ended,
    /// Another user's process may have it, and this machine does not show those.
    Hidden,
}

const UNKNOWN: &str = "unknown";

fn unknown() -> String {
    UNKNOWN.to_owned()
}

impl Machine {
    fn this() -> Self {
        let file = |path| fs::read_to_string(path).ok().as_deref().and_then(word);
        let namespace = fs::read_link("/proc/self/ns/pid").ok();
        Self {
            name: file("/proc/sys/kernel/hostname").or_else(|| said("hostname", &[])).unwrap_or_else(unknown),
            boot: file("/proc/sys/kernel/random/boot_id")
                .or_else(|| said("sysctl", &["-n", "kern.bootsessionuuid"]))
                .unwrap_or_else(unknown),
            namespace: namespace.and_then(|link| word(&link.display().to_string())).unwrap_or_else(unknown),
        }
    }
}

fn seen(process: u32) -> Seen {
    let started = match fs::read_to_string(format!("/proc/{process}/stat")) {
        Ok(line) => of_stat(&line),
        // With the option `hidepid` /proc shows a user's own processes alone, and the first is root's.
        Err(_) if fs::exists("/proc/self/stat").unwrap_or_default() => {
            return if fs::read("/proc/1/stat").is_ok() { Seen::Ended } else { Seen::Hidden };
        }
        Err(_) => said("ps", &["-o", "lstart=", "-p", &process.to_string()]),
    };
    started.map_or(Seen::Ended, Seen::Started)
}

/// The 22nd field, <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>. The second is a name in parentheses, which
/// may hold anything.
fn of_stat(line: &str) -> Option<String> {
    let (_, fields) = line.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let (state, started) = (fields.first()?, fields.get(19)?);
    (!state.starts_with(['Z', 'X'])).then(|| (*started).to_owned())
}

/// What a program says, as one word, whichever language and time zone its caller has.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").env("TZ", "UTC").output().ok()?;
    word(&String::from_utf8_lossy(&output.stdout))
}

fn word(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join("_"))
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { name, boot, namespace } = &self.machine;
        write!(formatter, "{name} {boot} {namespace} {} {}", self.process, self.started)
    }
}

impl FromStr for Owner {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split(' ').map(str::to_owned);
        let mut next = || words.next().ok_or(());
        let machine = Machine { name: next()?, boot: next()?, namespace: next()? };
        Ok(Self { machine, process: next()?.parse().map_err(|_| ())?, started: next()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_reads_as_the_process_that_wrote_it() {
        let this = Owner::this();
        assert_eq!(this.to_string().parse(), Ok(this.clone()));
        assert!(!this.is_dead());
        assert_eq!("of another program".parse::<Owner>(), Err(()));
    }

    #[test]
    fn a_process_that_has_ended_is_dead() -> std::io::Result<()> {
        let mut child = Command::new("cat").stdin(std::process::Stdio::piped()).spawn()?;
        let Seen::Started(started) = seen(child.id()) else { panic!("it does not run") };
        let owner = Owner { machine: Machine::this(), process: child.id(), started };
        assert!(!owner.is_dead());
        child.wait()?;
        assert!(owner.is_dead());
        Ok(())
    }

    #[test]
    fn only_what_is_known_to_be_dead_counts_as_dead() {
        let here = Machine { name: "laptop".into(), boot: "b2".into(), namespace: "n1".into() };
        let owner = |name: &str, boot: &str, namespace: &str, started: &str| Owner {
            machine: Machine { name: name.into(), boot: boot.into(), namespace: namespace.into() },
            process: 7,
            started: started.into(),
        };
        let is_dead = |owner: Owner| owner.is_dead_on(&here, |_| Seen::Started("100".into()));
        assert!(!is_dead(owner("laptop", "b2", "n1", "100")), "it runs");
        assert!(is_dead(owner("laptop", "b2", "n1", "99")), "another process has its id");
        assert!(is_dead(owner("laptop", "b1", "n1", "100")), "the machine was started anew");
        assert!(!is_dead(owner("laptop", "b2", "n2", "99")), "a container's process is not seen from here");
        assert!(!is_dead(owner("server", "b1", "n1", "99")), "nor one of another machine");
        assert!(!is_dead(owner("laptop", "unknown", "n1", "99")));
        assert!(!is_dead(owner("laptop", "b2", "n1", "unknown")), "it did not know when it started");
        assert!(is_dead(owner("laptop.home", "b2", "n1", "99")), "the machine was another's name before");
        let owner = owner("laptop", "b2", "n1", "99");
        assert!(owner.is_dead_on(&here, |_| Seen::Ended));
        assert!(!owner.is_dead_on(&here, |_| Seen::Hidden), "it may be another user's, and run");
    }

    #[test]
    fn a_programs_name_may_hold_anything() {
        let fields = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        assert_eq!(of_stat(&format!("7 (a ) b) S {fields}")), Some("4711".to_owned()));
        assert_eq!(of_stat(&format!("7 (a) Z {fields}")), None);
    }
}
