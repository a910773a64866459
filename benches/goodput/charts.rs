//! Two kinds of charts: bars with intervals, and series over categories. Several panels
//! share one file.

use super::statistics::Interval;
use super::svg::{Canvas, colour};

const OWN: &str = "#0072b2";
const OTHER: &str = "#b0b0b0";
const LEFT: f64 = 280.0;
const BAR_ROW: f64 = 22.0;
const BAR_WIDTH: f64 = 170.0;
const PLOT_WIDTH: f64 = 300.0;
const WIDE_PLOT_WIDTH: f64 = 690.0;
const PLOT_HEIGHT: f64 = 190.0;

/// Rows of bars: one row for each label, one panel for each figure.
pub(crate) struct Bars {
    pub(crate) title: String,
    /// The name of each row, and whether it stands out.
    pub(crate) labels: Vec<(String, bool)>,
    pub(crate) panels: Vec<(String, Vec<Option<Interval>>)>,
}

/// Series over the same categories: one panel for each figure.
pub(crate) struct Lines {
    pub(crate) title: String,
    /// The names of the categories; an empty one is not printed.
    pub(crate) categories: Vec<String>,
    pub(crate) series: Vec<String>,
    /// A panel's title, and for each series a value in each category.
    pub(crate) panels: Vec<(String, Vec<Vec<Option<f64>>>)>,
    /// Whether neighbouring categories are joined.
    pub(crate) joined: bool,
}

impl Bars {
    pub(crate) fn svg(&self) -> String {
        let width = LEFT + self.panels.len() as f64 * (BAR_WIDTH + 60.0);
        let height = 80.0 + self.labels.len() as f64 * BAR_ROW;
        let mut canvas = Canvas::new(&self.title, width, height);
        for (row, (label, _)) in self.labels.iter().enumerate() {
            canvas.text(LEFT - 8.0, row_middle(row) + 4.0, "end", label);
        }
        for (number, (title, values)) in self.panels.iter().enumerate() {
            let left = LEFT + number as f64 * (BAR_WIDTH + 60.0);
            canvas.text(left, 58.0, "start", title);
            self.bars(&mut canvas, left, values);
        }
        canvas.finish()
    }

    fn bars(&self, canvas: &mut Canvas, left: f64, values: &[Option<Interval>]) {
        let ends = values.iter().flatten().map(|value| value.mean);
        let scale = BAR_WIDTH / round_up(ends.fold(0.0, f64::max));
        for (row, (value, (_, own))) in values.iter().zip(&self.labels).enumerate() {
            let middle = row_middle(row);
            let Some(Interval { mean, half_width }) = *value else {
                canvas.text(left, middle + 4.0, "start", "-");
                continue;
            };
            let colour = if *own { OWN } else { OTHER };
            canvas.rect(left, middle - 7.0, (mean * scale).max(0.5), 14.0, colour);
            let half_width = half_width.unwrap_or_default();
            let from = left + ((mean - half_width) * scale).max(0.0);
            let to = left + ((mean + half_width) * scale).min(BAR_WIDTH + 6.0);
            canvas.line((from, middle), (to, middle), "#333333", 1.5);
            canvas.text(
                to.max(left + mean * scale) + 4.0,
                middle + 4.0,
                "start",
                &short(mean),
            );
        }
    }
}

impl Lines {
    pub(crate) fn svg(&self) -> String {
        let columns = self.panels.len().min(2);
        let rows = self.panels.len().div_ceil(columns);
        let (step_x, step_y) = (self.width() + 90.0, PLOT_HEIGHT + 110.0);
        let legend = 40.0 + 18.0 * self.series.len() as f64;
        let mut canvas = Canvas::new(
            &self.title,
            columns as f64 * step_x + 40.0,
            legend + rows as f64 * step_y + 20.0,
        );
        for (number, name) in self.series.iter().enumerate() {
            let y = 50.0 + 18.0 * number as f64;
            canvas.marker(30.0, y - 4.0, number);
            canvas.text(42.0, y, "start", name);
        }
        for (number, (title, series)) in self.panels.iter().enumerate() {
            let left = 60.0 + (number % columns) as f64 * step_x;
            let top = legend + 40.0 + (number / columns) as f64 * step_y;
            canvas.text(left, top - 10.0, "start", title);
            self.panel(&mut canvas, left, top, series);
        }
        canvas.finish()
    }

    /// A panel that has no neighbour is as wide as two.
    fn width(&self) -> f64 {
        match self.panels.len() {
            1 => WIDE_PLOT_WIDTH,
            _ => PLOT_WIDTH,
        }
    }

    /// Where a series stands within its category: side by side where they are not joined.
    fn offset(&self, series: usize) -> f64 {
        let middle = (self.series.len() - 1) as f64 / 2.0;
        match self.joined {
            true => 0.5,
            false => 0.5 + (series as f64 - middle) * 0.13,
        }
    }

    fn panel(&self, canvas: &mut Canvas, left: f64, top: f64, series: &[Vec<Option<f64>>]) {
        let values = series.iter().flatten().flatten();
        let limit = round_up(values.copied().fold(0.0, f64::max));
        let bottom = top + PLOT_HEIGHT;
        self.grid(canvas, left, bottom, limit);
        for (number, values) in series.iter().enumerate() {
            let points = values.iter().enumerate();
            let points: Vec<_> = points
                .filter_map(|(category, value)| {
                    let x = left + self.x(category, self.offset(number));
                    Some((x, bottom - (*value)? / limit * PLOT_HEIGHT))
                })
                .collect();
            for pair in points.windows(2).filter(|_| self.joined) {
                canvas.line(pair[0], pair[1], colour(number), 2.0);
            }
            for (x, y) in points {
                canvas.marker(x, y, number);
            }
        }
    }

    fn grid(&self, canvas: &mut Canvas, left: f64, bottom: f64, limit: f64) {
        for quarter in 0..=4 {
            let share = f64::from(quarter) / 4.0;
            let y = bottom - PLOT_HEIGHT * share;
            canvas.line((left, y), (left + self.width(), y), "#dddddd", 1.0);
            canvas.text(left - 6.0, y + 4.0, "end", &short(limit * share));
        }
        for (category, name) in self.categories.iter().enumerate() {
            canvas.slanted(left + self.x(category, 0.5), bottom + 14.0, name);
        }
    }

    /// How far right a place within a category is.
    fn x(&self, category: usize, place: f64) -> f64 {
        self.width() * (category as f64 + place) / self.categories.len() as f64
    }
}

fn row_middle(row: usize) -> f64 {
    80.0 + row as f64 * BAR_ROW
}

/// The next of 1, 2, 5, 10, 20, ... that is not below `value`, in any power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10f64.powf(value.max(0.01).log10().floor());
    let steps = [1.0, 1.2, 2.0, 5.0, 10.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step >= value)
        .unwrap_or(10.0 * power)
}

/// A number with three digits or so.
fn short(value: f64) -> String {
    let decimals = match value.abs() {
        large if large >= 100.0 => 0,
        medium if medium >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
