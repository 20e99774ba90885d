//! ECS on Fargate: the families `AWS::ECS::Cluster`, `AWS::ECS::TaskDefinition` and `AWS::ECS::Service`.
//!
//! A service is either a single writer, whose tasks are never two at a time: a change stops the old ones, waits until they are
//! STOPPED, and starts the new ones. Or it is rolling: the new ones come before the old ones go.

mod cluster;
mod clusters;
mod container_definition;
mod listing;
mod races;
mod scopes;
mod service;
mod services;
mod tags;
mod task_definition;
mod task_definitions;
mod words;

pub use cluster::{Cluster, ClusterSpec, ContainerInsights, ExecuteCommandLogging};
pub use clusters::Clusters;
pub use container_definition::{
    ContainerCondition, ContainerDefinition, HealthCheck, KernelCapabilities, LinuxParameters,
    LogConfiguration, LogMode, MountPoint, PortMapping, RestartPolicy, TransportProtocol, Ulimit,
};
pub use service::{DeploymentCircuitBreaker, PropagateTags, Service, ServiceSpec, grant_execute_command};
pub use services::Services;
pub use task_definition::{
    CpuArchitecture, EfsVolumeConfiguration, TaskDefinition, TaskDefinitionSpec, Volume,
};
pub use task_definitions::TaskDefinitions;
pub use words::Switch;
