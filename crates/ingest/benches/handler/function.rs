//! The function as a process: its environment, its end, and what /proc tells of it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Ticks of /proc/<pid>/stat a second: Linux's USER_HZ, 100 on every architecture that Lambda has.
const TICKS_PER_SECOND: u32 = 100;

/// The running function. It is killed when this is dropped.
pub struct Function(Child);

/// Memory of the process, in bytes.
pub struct Memory {
    pub resident: u64,
    pub peak: u64,
}

impl Function {
    /// Starts `binary` against a Runtime API, with all AWS calls sent to `endpoint`; without one, for AWS itself.
    pub fn start(binary: &Path, runtime_api: SocketAddr, endpoint: Option<SocketAddr>) -> io::Result<Self> {
        let mut command = Command::new(binary);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).envs([
            ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string().as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "headwater-bench-ingest"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769"),
            ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "bench"),
            ("AWS_SECRET_ACCESS_KEY", "bench"),
            ("AWS_SESSION_TOKEN", "bench"),
            ("HEADWATER_ENVIRONMENT", "bench"),
            ("HEADWATER_TABLE", "headwater-bench-event"),
            ("HEADWATER_INDEX_SHARDS", "8"),
            (
                "HEADWATER_DLQ_URL",
                "https://sqs.eu-west-1.amazonaws.com/123456789012/headwater-bench-event-dlq",
            ),
            ("HEADWATER_MAX_RECEIVE_COUNT", "5"),
        ]);
        if let Some(endpoint) = endpoint {
            command.env("AWS_ENDPOINT_URL", format!("http://{endpoint}"));
        }
        let child = command.spawn().map_err(|error| {
            io::Error::new(error.kind(), format!("{} cannot be started: {error}", binary.display()))
        })?;
        Ok(Self(child))
    }

    /// Processor time that it has used so far, user and system. None without /proc.
    pub fn processor_time(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).ok()?;
        // The name in brackets may hold spaces; the fields after it are plain: utime and stime are the 14th and 15th of all.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
        let ticks: u32 = fields.next()?.parse::<u32>().ok()? + fields.next()?.parse::<u32>().ok()?;
        Some(Duration::from_secs(1) * ticks / TICKS_PER_SECOND)
    }

    /// Its memory now. None without /proc.
    pub fn memory(&self) -> Option<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).ok()?;
        let bytes = |field: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(field))?;
            Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
        };
        Some(Memory { resident: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It has no state to save, and it waits for an invocation that does not come.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
