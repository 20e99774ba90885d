//! What a dashboard is made of, as data.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{AlarmSpec, Statistic};

/// One tile of a dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Widget {
    /// A text in Markdown, as wide as the dashboard.
    Text(String),
    /// Metrics over time, three such tiles in a row.
    Graph {
        /// Its title.
        title: String,
        /// What it draws.
        lines: Vec<Line>,
    },
    /// How alarms stand, as wide as the dashboard.
    Alarms {
        /// Its title.
        title: String,
        /// The alarms' ARNs.
        alarm_arns: Vec<String>,
    },
}

/// A metric in a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The metric's namespace.
    pub namespace: String,
    /// The metric's name.
    pub metric_name: String,
    /// Of what it is the metric: name → value.
    pub dimensions: BTreeMap<String, String>,
    /// How the values of one period become one.
    pub statistic: Statistic,
    /// How long a period is, in s.
    pub period_seconds: i32,
    /// What the legend says.
    pub label: String,
}

impl Widget {
    /// Metrics over time.
    pub fn graph(title: &str, lines: impl IntoIterator<Item = Line>) -> Self {
        Self::Graph { title: title.to_owned(), lines: lines.into_iter().collect() }
    }

    /// How alarms stand.
    pub fn alarms(title: &str, alarm_arns: impl IntoIterator<Item = String>) -> Self {
        Self::Alarms { title: title.to_owned(), alarm_arns: alarm_arns.into_iter().collect() }
    }

    /// Width and height, in the dashboard's units.
    fn size(&self) -> (u32, u32) {
        match self {
            Self::Text(_) => (WIDTH, 2),
            Self::Graph { .. } => (WIDTH / 3, 6),
            Self::Alarms { .. } => (WIDTH, 3),
        }
    }

    fn kind_and_properties(&self, region: &str) -> (&'static str, Value) {
        match self {
            Self::Text(markdown) => ("text", json!({"markdown": markdown})),
            Self::Graph { title, lines } => {
                let metrics: Vec<_> = lines.iter().map(Line::metric).collect();
                let view =
                    json!({"title": title, "region": region, "view": "timeSeries", "metrics": metrics});
                ("metric", view)
            }
            Self::Alarms { title, alarm_arns } => ("alarm", json!({"title": title, "alarms": alarm_arns})),
        }
    }
}

impl Line {
    /// What an alarm watches.
    pub fn of(alarm: &AlarmSpec, label: &str) -> Self {
        Self {
            namespace: alarm.namespace.clone(),
            metric_name: alarm.metric_name.clone(),
            dimensions: alarm.dimensions.clone(),
            statistic: alarm.statistic.clone(),
            period_seconds: alarm.period_seconds,
            label: label.to_owned(),
        }
    }

    /// CloudWatch's list: namespace, name, names and values of dimensions, and how to draw it.
    fn metric(&self) -> Value {
        let mut list = vec![json!(self.namespace), json!(self.metric_name)];
        list.extend(self.dimensions.iter().flat_map(|(name, value)| [json!(name), json!(value)]));
        list.push(json!({"stat": self.statistic, "period": self.period_seconds, "label": self.label}));
        Value::Array(list)
    }
}

/// How wide a dashboard is, in its own units:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>
const WIDTH: u32 = 24;

/// The widgets from left to right, in a new row where one does not fit.
pub(super) fn body(region: &str, widgets: &[Widget]) -> Value {
    let (mut x, mut y, mut row) = (0, 0, 0);
    let mut placed = Vec::with_capacity(widgets.len());
    for widget in widgets {
        let (width, height) = widget.size();
        if x + width > WIDTH {
            (x, y, row) = (0, y + row, 0);
        }
        let (kind, properties) = widget.kind_and_properties(region);
        placed.push(
            json!({"type": kind, "x": x, "y": y, "width": width, "height": height, "properties": properties}),
        );
        x += width;
        row = row.max(height);
    }
    Value::Object(Map::from_iter([("widgets".to_owned(), Value::Array(placed))]))
}
