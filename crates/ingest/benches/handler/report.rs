//! The figures, as a table for people and as JSON for machines.

use serde::Serialize;

/// A figure beside its target.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    pub name: String,
    /// None where this machine cannot tell; `note` says why.
    pub value: Option<f64>,
    pub unit: &'static str,
    pub target: Option<Target>,
    pub note: String,
}

/// What the figure should be.
#[derive(Serialize, Clone, Copy)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

/// The table. Its columns are aligned, and a target that is missed is marked.
pub fn table(figures: &[Figure]) -> String {
    let rows: Vec<[String; 4]> = figures.iter().map(row).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let (name, value, target) = (width(0), width(1), width(2));
    let lines = rows
        .iter()
        .map(|[a, b, c, d]| format!("{a:name$}  {b:>value$}  {c:target$}  {d}").trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

fn row(figure: &Figure) -> [String; 4] {
    let Figure { name, value, unit, target, note } = figure;
    let value_text = value.map_or_else(|| "—".to_owned(), |value| format!("{} {unit}", number(value)));
    let target_text = match target {
        None => String::new(),
        Some(target) => {
            let mark = match value {
                Some(value) if target.is_met(*value) => "✓",
                Some(_) => "✗",
                None => " ",
            };
            let (sign, bound) = match target {
                Target::AtLeast(bound) => ("≥", bound),
                Target::AtMost(bound) => ("≤", bound),
            };
            format!("{mark} {sign} {}", number(*bound))
        }
    };
    [name.clone(), value_text, target_text, note.clone()]
}

/// Large numbers whole and grouped by thousands, small ones with up to two decimals.
pub fn number(value: f64) -> String {
    if value < 1000.0 {
        let text = format!("{value:.2}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{value:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}
