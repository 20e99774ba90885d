//! Lambda: functions from a zip known by its hash, and the mappings that feed them.

mod function;
mod function_spec;
mod functions;
mod mapping_spec;
mod mappings;
mod package;
mod races;
mod read;
mod scopes;
mod vpc;

pub use function::Function;
pub use function_spec::{
    ApplicationLogLevel, Architecture, FunctionSpec, LogFormat, LoggingConfig, SystemLogLevel, TracingMode,
    VpcConfig,
};
pub use functions::Functions;
pub use mapping_spec::{EventSourceMappingSpec, FunctionResponseType, StartingPosition, StreamOptions};
pub use mappings::EventSourceMappings;
pub use vpc::grant_vpc_access;
