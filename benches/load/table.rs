//! The table: figure, what was measured, the target, and how they compare.

use std::fmt::Write;

/// In which direction a figure is good.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// At least so much.
    AtLeast(f64),
    /// At most so much.
    AtMost(f64),
    /// For information.
    None,
}

struct Row {
    figure: String,
    measured: String,
    target: String,
    verdict: String,
}

/// The figures so far; each is also shown as soon as it is known.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Adds a figure; `more` says what else was seen.
    pub(crate) fn add(&mut self, figure: &str, value: f64, unit: &str, target: Target, more: &str) {
        let (target, verdict) = match target {
            Target::AtLeast(goal) => (format!("≥ {} {unit}", short(goal)), compared(value / goal, value >= goal)),
            Target::AtMost(goal) => (format!("≤ {} {unit}", short(goal)), compared(value / goal, value <= goal)),
            Target::None => (String::new(), String::new()),
        };
        let more = if more.is_empty() { String::new() } else { format!(" ({more})") };
        let row =
            Row { figure: figure.to_owned(), measured: format!("{} {unit}{more}", short(value)), target, verdict };
        tell(&format!("{}: {} {} {}", row.figure, row.measured, row.target, row.verdict));
        self.rows.push(row);
    }

    /// Prints everything as a Markdown table.
    pub(crate) fn print(&self) {
        let mut text = String::from("\n| figure | measured | target | of target |\n|---|---|---|---|\n");
        for row in &self.rows {
            let written = writeln!(text, "| {} | {} | {} | {} |", row.figure, row.measured, row.target, row.verdict);
            written.expect("a string can be written");
        }
        tell(&text);
    }
}

fn compared(ratio: f64, met: bool) -> String {
    let verdict = if met { "met" } else { "MISSED" };
    // Of nothing there is no multiple.
    if ratio.is_finite() { format!("{ratio:.2} × {verdict}") } else { verdict.to_owned() }
}

/// Three or four significant digits, thousands apart.
pub(crate) fn short(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 1_000.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A line on standard output.
#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
pub(crate) fn tell(line: &str) {
    println!("{line}");
}
