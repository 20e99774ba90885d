//! CloudWatch and SNS: log groups, and what people see and hear of an environment. Metric filters count lines of a log,
//! alarms watch metrics and tell topics, topics tell people, dashboards show it all.
//!
//! The alarms that Headwater knows are data, made by pure functions: [`function_errors`], [`queue_not_empty`], ….

mod alarms;
mod dashboards;
mod log_groups;
mod metric_filters;
mod races;
mod scopes;
#[cfg(test)]
mod scripted;
mod topics;

pub use alarms::{
    Access, Alarm, AlarmSpec, Alarms, ComparisonOperator, Statistic, TreatMissingData, efs_burst_credits,
    efs_percent_io_limit, function_errors, function_throttles, index_throttles, iterator_age, metric_filter,
    no_running_task, oldest_message_age, queue_not_empty, table_throttles,
};
pub use dashboards::{DashboardBody, DashboardSpec, Dashboards, Line, Widget, dashboard_key, dashboard_name};
pub use log_groups::{LogGroup, LogGroupClass, LogGroupSpec, LogGroups};
pub use metric_filters::{MetricFilterSpec, MetricFilters, metric_filter_key, metric_filter_name};
pub use topics::{Topic, TopicSpec, Topics};
