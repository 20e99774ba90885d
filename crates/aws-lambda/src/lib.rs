//! Lambda: functions from a zip known by its hash, and the mappings that feed them.

mod function;
mod function_spec;
mod functions;
mod mapping_spec;
mod mappings;
mod package;
mod races;
mod read;

pub use function::Function;
pub use function_spec::{
    ApplicationLogLevel, Architecture, FunctionSpec, LogFormat, LoggingConfig, SystemLogLevel, TracingMode,
};
pub use functions::Functions;
pub use mapping_spec::{EventSourceMappingSpec, FunctionResponseType};
pub use mappings::EventSourceMappings;
