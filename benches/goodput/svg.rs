//! Two kinds of charts as [SVG](https://www.w3.org/TR/SVG2/): bars with intervals, and
//! series over categories. Several panels share one file.

use std::fmt::Write as _;

use super::statistics::Interval;

/// Colours that colour-blind readers can tell apart (Okabe and Ito).
const COLOURS: [&str; 6] = [
    "#d55e00", "#e69f00", "#cc79a7", "#999999", "#0072b2", "#009e73",
];
const OWN: &str = "#0072b2";
const OTHER: &str = "#b0b0b0";
const LEFT: f64 = 200.0;
const BAR_ROW: f64 = 22.0;
const BAR_WIDTH: f64 = 170.0;
const PLOT_WIDTH: f64 = 300.0;
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

/// A drawing that grows.
struct Canvas(String);

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
        let (step_x, step_y) = (PLOT_WIDTH + 90.0, PLOT_HEIGHT + 110.0);
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

    fn panel(&self, canvas: &mut Canvas, left: f64, top: f64, series: &[Vec<Option<f64>>]) {
        let largest = series
            .iter()
            .flatten()
            .flatten()
            .copied()
            .fold(0.0, f64::max);
        let limit = round_up(largest);
        let bottom = top + PLOT_HEIGHT;
        for quarter in 0..=4 {
            let value = limit * f64::from(quarter) / 4.0;
            let y = bottom - PLOT_HEIGHT * f64::from(quarter) / 4.0;
            canvas.line((left, y), (left + PLOT_WIDTH, y), "#dddddd", 1.0);
            canvas.text(left - 6.0, y + 4.0, "end", &short(value));
        }
        let x = |category: usize| {
            left + PLOT_WIDTH * (category as f64 + 0.5) / self.categories.len() as f64
        };
        for (category, name) in self.categories.iter().enumerate() {
            canvas.slanted(x(category), bottom + 14.0, name);
        }
        for (number, values) in series.iter().enumerate() {
            let points = values.iter().enumerate();
            let points: Vec<_> = points
                .filter_map(|(category, value)| {
                    Some((x(category), bottom - (*value)? / limit * PLOT_HEIGHT))
                })
                .collect();
            for pair in points.windows(2).filter(|_| self.joined) {
                canvas.line(pair[0], pair[1], COLOURS[number % COLOURS.len()], 2.0);
            }
            for (x, y) in points {
                canvas.marker(x, y, number);
            }
        }
    }
}

impl Canvas {
    fn new(title: &str, width: f64, height: f64) -> Self {
        let mut canvas = Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n"
        ));
        canvas.rect(0.0, 0.0, width, height, "#ffffff");
        let title = escaped(title);
        let _ = writeln!(
            canvas.0,
            "<text x=\"16\" y=\"26\" font-size=\"15\" font-weight=\"bold\">{title}</text>"
        );
        canvas
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        let text = escaped(text);
        let _ = writeln!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    fn slanted(&mut self, x: f64, y: f64, text: &str) {
        let text = escaped(text);
        let turn = format!("rotate(-35 {x:.1} {y:.1})");
        let _ = writeln!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\" transform=\"{turn}\">{text}</text>"
        );
    }

    fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, colour: &str) {
        let _ = writeln!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
        );
    }

    fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), colour: &str, width: f64) {
        let _ = writeln!(
            self.0,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>"
        );
    }

    /// Each series has a shape of its own beside its colour.
    fn marker(&mut self, x: f64, y: f64, series: usize) {
        let colour = COLOURS[series % COLOURS.len()];
        if series.is_multiple_of(2) {
            let _ = writeln!(
                self.0,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>"
            );
        } else {
            self.rect(x - 3.5, y - 3.5, 7.0, 7.0, colour);
        }
    }

    fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
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

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
