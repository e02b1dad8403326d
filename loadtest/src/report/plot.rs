//! Line plots as static SVG, written by hand: no script, no fonts, no library, and diffable.
//!
//! Colours are classes (`line0`, `line1`, …) that the page's style sheet defines for dark and light;
//! the dash patterns beside them keep lines apart where colours do not.

use std::fmt::Write as _;

/// A plot.
#[derive(Debug, Clone)]
pub struct Plot {
    /// What it shows; the accessible name, too.
    pub title: String,
    /// What the horizontal axis is.
    pub x: Axis,
    /// What the vertical axis is.
    pub y: Axis,
    /// The lines, at most six.
    pub lines: Vec<Line>,
}

/// A line.
#[derive(Debug, Clone)]
pub struct Line {
    /// For the legend.
    pub name: String,
    /// Points by rising x.
    pub points: Vec<(f64, f64)>,
}

/// An axis: its name, how values lie on it and how they are written.
#[derive(Debug, Clone)]
pub struct Axis {
    /// Name with unit.
    pub label: &'static str,
    /// Where values lie.
    pub scale: Scale,
    /// How values are written at the ticks.
    pub write: fn(f64) -> String,
}

/// Where values lie on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Evenly, from zero up to the next tick, so that the highest point has air above it.
    Linear,
    /// Evenly, from zero up to the last value.
    Tight,
    /// By their logarithm.
    Logarithmic,
    /// Percentiles (0 to 100) by how few are left above: 90, 99 and 99.9 are equally far apart.
    Percentile,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 46.0;

impl Plot {
    /// The plot as an SVG element.
    pub fn render(&self) -> String {
        let mut svg = String::new();
        self.write(&mut svg).unwrap_or_else(|_| unreachable!("writing to a string cannot fail"));
        svg
    }

    fn write(&self, svg: &mut String) -> std::fmt::Result {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = Projection::new(self.x.scale, points().map(|point| point.0), LEFT, WIDTH - RIGHT);
        let y = Projection::new(self.y.scale, points().map(|point| point.1), HEIGHT - BOTTOM, TOP);
        let title = escape(&self.title);
        writeln!(
            svg,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
        )?;
        writeln!(svg, "<title>{title}</title>")?;
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for tick in y.ticks() {
            let at = y.place(tick);
            let text = escape(&(self.y.write)(tick));
            writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\"/>"
            )?;
            writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                LEFT - 6.0,
                at + 4.0
            )?;
        }
        for tick in x.ticks() {
            let at = x.place(tick);
            let text = escape(&(self.x.write)(tick));
            writeln!(
                svg,
                "<line class=\"grid\" x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{bottom}\"/>"
            )?;
            writeln!(
                svg,
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                bottom + 16.0
            )?;
        }
        writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            (LEFT + right) / 2.0,
            HEIGHT - 8.0,
            escape(self.x.label)
        )?;
        writeln!(svg, "<text x=\"{LEFT}\" y=\"16\">{}</text>", escape(self.y.label))?;
        for (index, line) in self.lines.iter().enumerate() {
            write!(svg, "<polyline class=\"line line{index}\" points=\"")?;
            for (point_x, point_y) in &line.points {
                write!(svg, "{:.1},{:.1} ", x.place(*point_x), y.place(*point_y))?;
            }
            writeln!(svg, "\"/>")?;
        }
        self.write_legend(svg)?;
        writeln!(svg, "</svg>")
    }

    fn write_legend(&self, svg: &mut String) -> std::fmt::Result {
        let mut at = WIDTH - RIGHT;
        for (index, line) in self.lines.iter().enumerate().rev() {
            // Without a font there is no width: 7.5 units a character is wide enough for any.
            at -= 7.5 * line.name.chars().count() as f64;
            writeln!(svg, "<text x=\"{at:.1}\" y=\"16\">{}</text>", escape(&line.name))?;
            at -= 30.0;
            writeln!(
                svg,
                "<line class=\"line line{index}\" x1=\"{at:.1}\" y1=\"12\" x2=\"{:.1}\" y2=\"12\"/>",
                at + 24.0
            )?;
            at -= 18.0;
        }
        Ok(())
    }
}

/// From values to places.
struct Projection {
    scale: Scale,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Projection {
    fn new(scale: Scale, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            let value = transform(scale, value);
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        match scale {
            Scale::Linear => {
                low = 0.0;
                let step = step(high);
                high = ((high / step).ceil() * step).max(step);
            }
            Scale::Tight => {
                low = 0.0;
                high = if high > 0.0 { high } else { 1.0 };
            }
            Scale::Logarithmic => {
                low = low.floor();
                high = high.ceil().max(low + 1.0);
            }
            Scale::Percentile => {
                low = 0.0;
                high = high.max(1.0);
            }
        }
        Self { scale, low, high, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let value = transform(self.scale, value).clamp(self.low, self.high);
        self.from + (self.to - self.from) * (value - self.low) / (self.high - self.low)
    }

    fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear | Scale::Tight => {
                let step = step(self.high);
                let count = (self.high / step + 1e-9).floor() as u32;
                (0..=count).map(|tick| f64::from(tick) * step).collect()
            }
            Scale::Logarithmic => {
                (self.low as i32..=self.high as i32).map(|power| 10_f64.powi(power)).collect()
            }
            Scale::Percentile => [0.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 99.999, 99.9999]
                .into_iter()
                .filter(|percentile| transform(Scale::Percentile, *percentile) <= self.high + 1e-9)
                .collect(),
        }
    }
}

fn transform(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Linear | Scale::Tight => value,
        Scale::Logarithmic => value.max(1e-3).log10(),
        // The last percentile is 100, which has no place: it stands at seven nines.
        Scale::Percentile => -(1.0 - value / 100.0).max(1e-7).log10(),
    }
}

/// A step of 1, 2 or 5 times a power of ten that makes 4 to 8 ticks.
fn step(high: f64) -> f64 {
    if high <= 0.0 {
        return 1.0;
    }
    let rough = high / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * power >= rough * 0.999)
        .unwrap_or(10.0);
    factor * power
}

/// Text for HTML and SVG, attributes too.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, f64)>, x: Scale, y: Scale) -> String {
        let axis = |scale| Axis { label: "axis", scale, write: |value| format!("{value}") };
        Plot {
            title: "a < b".to_owned(),
            x: axis(x),
            y: axis(y),
            lines: vec![Line { name: "line".to_owned(), points }],
        }
        .render()
    }

    #[test]
    fn ends_of_the_data_lie_at_ends_of_the_plot() {
        let svg = plot(vec![(0.0, 0.0), (10.0, 100.0)], Scale::Linear, Scale::Linear);
        assert!(svg.contains("points=\"70.0,274.0 844.0,34.0 \""), "{svg}");
        assert!(svg.contains("<title>a &lt; b</title>"));
    }

    #[test]
    fn nines_are_equally_far_apart() {
        let projection = Projection::new(Scale::Percentile, [0.0, 99.9].into_iter(), 0.0, 3.0);
        for (percentile, place) in [(0.0, 0.0), (90.0, 1.0), (99.0, 2.0), (99.9, 3.0)] {
            assert!((projection.place(percentile) - place).abs() < 1e-6);
        }
    }

    #[test]
    fn no_data_and_strange_data_still_make_a_plot() {
        for points in [vec![], vec![(0.0, 0.0)], vec![(f64::NAN, 1.0), (1.0, f64::INFINITY)]] {
            for scale in [Scale::Linear, Scale::Tight, Scale::Logarithmic, Scale::Percentile] {
                let svg = plot(points.clone(), scale, scale);
                assert!(svg.ends_with("</svg>\n"));
            }
        }
    }

    #[test]
    fn steps_are_round() {
        assert_eq!(step(10.0), 2.0);
        assert_eq!(step(7.0), 2.0);
        assert_eq!(step(4_300.0), 1000.0);
    }
}
