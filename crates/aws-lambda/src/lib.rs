//! Lambda: functions from a zip known by its hash, and the mappings that feed them.

mod function;
mod function_spec;
mod mapping_spec;

pub use function::Function;
pub use function_spec::{
    ApplicationLogLevel, Architecture, FunctionSpec, LogFormat, LoggingConfig, SystemLogLevel, TracingMode,
};
pub use mapping_spec::{EventSourceMappingSpec, FunctionResponseType};
