//! Where the harness keeps its files: `<target directory>/headwater`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::TempDir;

use crate::Error;
use crate::error::IoContext;

/// How many logs are kept; the oldest go first.
const LOGS_KEPT: usize = 100;

/// `headwater` in the cargo target directory that the running program lies in, else in the user's cache directory.
#[must_use]
pub fn home() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    // Cargo marks the directory with this file, wherever `--target-dir` or `CARGO_TARGET_DIR` put it.
    let target = program.ancestors().skip(1).find(|directory| directory.join("CACHEDIR.TAG").is_file());
    target.map_or_else(cache_directory, Path::to_path_buf).join("headwater")
}

fn cache_directory() -> PathBuf {
    let set =
        |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache"))).unwrap_or_else(std::env::temp_dir)
}

/// An empty log file of this run's own, named after what writes it.
pub(crate) fn new_log(home: &Path, of: &str) -> Result<PathBuf, Error> {
    let logs = home.join("logs");
    fs::create_dir_all(&logs).context("create", &logs)?;
    forget_old_logs(&logs);
    let seconds = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let log = tempfile::Builder::new()
        .prefix(&format!("{of}-{seconds}-"))
        .suffix(".log")
        .tempfile_in(&logs)
        .context("create a log in", &logs)?;
    let (_, path) = log.keep().map_err(|error| error.error).context("keep a log in", &logs)?;
    Ok(path)
}

/// Logs are named by what wrote them and by the time they were made. One that another run removes at the same time is gone as
/// it should be.
fn forget_old_logs(logs: &Path) {
    let Ok(entries) = fs::read_dir(logs) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort_by_cached_key(|path| made(path));
    let old = (paths.len() + 1).saturating_sub(LOGS_KEPT);
    for path in paths.iter().take(old) {
        if let Err(error) = fs::remove_file(path) {
            tracing::debug!(%error, path = %path.display(), "could not remove an old log");
        }
    }
}

/// The seconds in a log's name, which is `<of>-<seconds>-<letters>.log`.
fn made(log: &Path) -> (u64, Option<OsString>) {
    let name = log.file_name().map(OsString::from);
    let seconds = name.as_ref().and_then(|name| name.to_str()?.rsplit('-').nth(1)?.parse().ok());
    (seconds.unwrap_or_default(), name)
}

/// A directory of this run's own that goes with it.
pub(crate) fn new_scratch(home: &Path) -> Result<TempDir, Error> {
    let runs = home.join("runs");
    fs::create_dir_all(&runs).context("create", &runs)?;
    tempfile::Builder::new().prefix("run-").tempdir_in(&runs).context("create a directory in", &runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_lies_in_the_target_directory_of_the_running_program() {
        let home = home();
        assert!(home.ends_with("headwater"), "{}", home.display());
        assert!(home.parent().is_some_and(|target| target.join("CACHEDIR.TAG").is_file()));
    }

    #[test]
    fn only_the_newest_logs_are_kept() -> Result<(), Box<dyn std::error::Error>> {
        let home = tempfile::tempdir()?;
        let logs = home.path().join("logs");
        fs::create_dir(&logs)?;
        for age in 0..LOGS_KEPT + 20 {
            let of = ["localstack", "ministack", "a-task"][age % 3];
            fs::write(logs.join(format!("{of}-{}-x.log", 1_000_000 + age)), "")?;
        }
        let log = new_log(home.path(), "ministack")?;
        let mut names: Vec<_> =
            fs::read_dir(&logs)?.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
        names.sort_by_cached_key(|name| made(Path::new(name)));
        assert_eq!(names.len(), LOGS_KEPT);
        assert_eq!(names[0], "localstack-1000021-x.log");
        assert!(log.is_file());
        Ok(())
    }
}
