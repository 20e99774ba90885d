//! The handler benchmark: the real function as a process, against local stubs of Lambda's Runtime API and of DynamoDB.
//!
//! `cargo xtask bench` runs it on the binary of the package: `HEADWATER_INGEST_BINARY` names it, and `HEADWATER_INGEST_ZIP`
//! its zip. Throughput is by the function's own processor time, so that the stubs' cost does not count. `--json` prints JSON.
#![allow(clippy::print_stdout, reason = "its figures are its output")]
#![allow(unreachable_pub, missing_docs, reason = "modules of a program")]

mod function;
mod http;
mod payload;
mod report;
mod stub;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use function::{Function, Memory};
use report::{Figure, Target, number};
use stub::{DynamoDb, RuntimeApi};

/// How long a throughput is measured: 300 ticks of the processor clock, so that one tick is a third of a percent.
const MEASURED: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_millis(500);
const COLD_STARTS: usize = 31;
const MIB: f64 = 1024.0 * 1024.0;

fn main() -> Result<(), Box<dyn Error>> {
    let binary = std::env::var_os("HEADWATER_INGEST_BINARY")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_ingest")), PathBuf::from);
    let zip = std::env::var_os("HEADWATER_INGEST_ZIP").map(PathBuf::from);
    let json = std::env::args().any(|argument| argument == "--json");

    let mut figures = throughput(&binary, 1000, Some(Target::AtLeast(20_000.0)), true)?;
    figures.extend(throughput(&binary, 10, None, false)?);
    figures.push(cold_start(&binary)?);
    figures.extend(sizes(&binary, zip.as_deref())?);
    if json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        println!("{}\n\n{}", binary.display(), report::table(&figures));
    }
    Ok(())
}

/// Events a second through the function in batches of `size`, and, where asked for, the memory that it holds after them.
fn throughput(
    binary: &Path,
    size: usize,
    target: Option<Target>,
    with_memory: bool,
) -> Result<Vec<Figure>, Box<dyn Error>> {
    let (lambda, dynamodb) = (RuntimeApi::start()?, DynamoDb::start()?);
    let payloads: Vec<Arc<[u8]>> = (0..8).map(|number| Arc::from(payload::batch(number, size))).collect();
    let function = Function::start(binary, lambda.address, Some(dynamodb.address))?;
    lambda.wait_for_poll()?;

    let run = |time: Duration| -> std::io::Result<usize> {
        let start = Instant::now();
        let mut invocations = 0;
        while start.elapsed() < time {
            lambda.invoke(&payloads[invocations % payloads.len()])?;
            invocations += 1;
        }
        Ok(invocations * size)
    };
    run(WARM_UP)?;
    dynamodb.take_items();
    let (wall, processor) = (Instant::now(), function.processor_time());
    let events = run(MEASURED)?;
    let wall = wall.elapsed();
    let processor = function.processor_time().zip(processor).map(|(after, before)| after - before);
    let stored = dynamodb.take_items();
    if stored != events {
        return Err(format!("{events} events went in and {stored} items came out").into());
    }

    let rate = |time: Duration| events as f64 / time.as_secs_f64();
    let mut figures = vec![Figure {
        name: format!("throughput, batches of {}", number(size as f64)),
        value: processor.map(rate),
        unit: "events/s/core",
        target,
        note: match processor {
            Some(processor) => format!(
                "{} events/s by the clock, the stubs included; {:.1} µs of processor an event",
                number(rate(wall)),
                processor.as_secs_f64() * 1e6 / events as f64
            ),
            None => {
                format!("no /proc here: {} events/s by the clock, the stubs included", number(rate(wall)))
            }
        },
    }];
    if with_memory {
        figures.extend(memory(function.memory(), size));
    }
    Ok(figures)
}

fn memory(memory: Option<Memory>, size: usize) -> [Figure; 2] {
    let note = if memory.is_some() {
        format!("batches of {}", number(size as f64))
    } else {
        "no /proc here".to_owned()
    };
    let figure = |name: &str, bytes: Option<u64>, target| Figure {
        name: name.to_owned(),
        value: bytes.map(|bytes| bytes as f64 / MIB),
        unit: "MiB",
        target,
        note: note.clone(),
    };
    [
        figure(
            "resident after load",
            memory.as_ref().map(|memory| memory.resident),
            Some(Target::AtMost(15.0)),
        ),
        figure("resident at its peak", memory.as_ref().map(|memory| memory.peak), None),
    ]
}

/// From the start of the process to its first poll, as on AWS: with TLS and its root certificates.
fn cold_start(binary: &Path) -> Result<Figure, Box<dyn Error>> {
    let mut times = Vec::with_capacity(COLD_STARTS);
    for _ in 0..COLD_STARTS {
        let lambda = RuntimeApi::start()?;
        let start = Instant::now();
        let _function = Function::start(binary, lambda.address, None)?;
        lambda.wait_for_poll()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(Figure {
        name: "cold start to first poll".to_owned(),
        value: Some(times[COLD_STARTS / 2]),
        unit: "ms",
        target: Some(Target::AtMost(15.0)),
        note: format!(
            "median of {COLD_STARTS}, {} to {} ms, root certificates loaded",
            number(times[0]),
            number(times[COLD_STARTS - 1])
        ),
    })
}

fn sizes(binary: &Path, zip: Option<&Path>) -> Result<Vec<Figure>, Box<dyn Error>> {
    let figure = |name: &str, path: &Path, target| -> std::io::Result<Figure> {
        let bytes = std::fs::metadata(path)?.len();
        Ok(Figure {
            name: name.to_owned(),
            value: Some(bytes as f64 / 1e6),
            unit: "MB",
            target,
            note: String::new(),
        })
    };
    let mut figures = vec![figure("binary", binary, None)?];
    if let Some(zip) = zip {
        figures.push(figure("zip", zip, Some(Target::AtMost(2.5)))?);
    }
    Ok(figures)
}
