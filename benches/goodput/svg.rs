//! A drawing as [SVG](https://www.w3.org/TR/SVG2/).

use std::fmt::Write as _;

/// Colours that colour-blind readers can tell apart (Okabe and Ito).
const COLOURS: [&str; 6] = [
    "#d55e00", "#e69f00", "#cc79a7", "#999999", "#0072b2", "#009e73",
];

/// A drawing that grows.
pub(crate) struct Canvas(String);

impl Canvas {
    pub(crate) fn new(title: &str, width: f64, height: f64) -> Self {
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

    pub(crate) fn text(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        let text = escaped(text);
        let _ = writeln!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    pub(crate) fn slanted(&mut self, x: f64, y: f64, text: &str) {
        let text = escaped(text);
        let turn = format!("rotate(-35 {x:.1} {y:.1})");
        let _ = writeln!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\" transform=\"{turn}\">{text}</text>"
        );
    }

    pub(crate) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, colour: &str) {
        let _ = writeln!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
        );
    }

    pub(crate) fn line(
        &mut self,
        (x1, y1): (f64, f64),
        (x2, y2): (f64, f64),
        colour: &str,
        width: f64,
    ) {
        let _ = writeln!(
            self.0,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>"
        );
    }

    /// Each series has a shape of its own beside its colour.
    pub(crate) fn marker(&mut self, x: f64, y: f64, series: usize) {
        let colour = colour(series);
        if series.is_multiple_of(2) {
            let _ = writeln!(
                self.0,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>"
            );
        } else {
            self.rect(x - 3.5, y - 3.5, 7.0, 7.0, colour);
        }
    }

    pub(crate) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

/// The colour of a series.
pub(crate) fn colour(series: usize) -> &'static str {
    COLOURS[series % COLOURS.len()]
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
