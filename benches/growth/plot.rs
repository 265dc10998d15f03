//! The figures as a picture in SVG: a panel for each thing that grows, in it a line for each routine. Both axes are logarithmic, so
//! that what is constant is level and what is linear rises by a decade with each.
//!
//! It has the look of the picture that `benches/peers/run-peers.py` draws, and its own background too.

use std::fmt::Write;

use super::Figures;

const COLUMNS: usize = 3;
const WIDTH: f64 = 372.0;
const HEIGHT: f64 = 300.0;
const GAP: f64 = 26.0;
const MARGIN: f64 = 28.0;
/// Of the part of a panel that has the lines, within it.
const LEFT: f64 = 46.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 112.0;

const INK: &str = "#1f2933";
const QUIET: &str = "#66727f";
const GRID: &str = "#e1e5ea";
const PAPER: &str = "#ffffff";
const LINES: [&str; 6] = ["#d9480f", "#4a6fa5", "#2b8a3e", "#9c36b5", "#a9b7c9", "#b08900"];
const FONT: &str = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'";

/// What grows reaches from the first power of ten to the last.
const SIZES: (i32, i32) = (1, 6);

/// A panel: its title and its lines.
type Panel<'a> = (&'a str, Vec<(&'a str, Vec<(f64, f64)>)>);

/// The whole picture.
pub(crate) fn draw(figures: &Figures) -> String {
    let panels = panels(figures);
    let rows = panels.len().div_ceil(COLUMNS);
    let width = 2.0 * MARGIN + COLUMNS as f64 * (WIDTH + GAP) - GAP;
    let height = 92.0 + rows as f64 * (HEIGHT + GAP);
    let mut out = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' {FONT}>\n"
    );
    out += "<title>How the cost of an operation grows with the number of what there is</title>\n";
    let _ = writeln!(out, "<rect width='100%' height='100%' fill='{PAPER}'/>");
    text(&mut out, (MARGIN, 36.0), 20, "start", INK, "How cede's costs grow");
    let what = "Nanoseconds of processor time for one unit, against how many there are. Level is constant; the dotted line is linear.";
    text(&mut out, (MARGIN, 57.0), 12, "start", QUIET, what);
    for (number, panel) in panels.iter().enumerate() {
        let left = MARGIN + (number % COLUMNS) as f64 * (WIDTH + GAP);
        let top = 80.0 + (number / COLUMNS) as f64 * (HEIGHT + GAP);
        draw_panel(&mut out, panel, left, top);
    }
    out + "</svg>\n"
}

fn panels(figures: &Figures) -> Vec<Panel<'_>> {
    let mut panels: Vec<Panel<'_>> = Vec::new();
    for (routine, found) in figures.iter().filter(|(_, found)| !found.is_empty()) {
        let points =
            found.iter().map(|(&size, &figure)| ((size as f64).log10(), figure.max(0.1).log10())).collect();
        match panels.last_mut().filter(|(title, _)| *title == routine.panel) {
            Some((_, lines)) => lines.push((routine.name, points)),
            None => panels.push((routine.panel, vec![(routine.name, points)])),
        }
    }
    panels
}

fn draw_panel(out: &mut String, (title, lines): &Panel<'_>, left: f64, top: f64) {
    let figures = || lines.iter().flat_map(|(_, points)| points.iter().map(|point| point.1));
    let low = figures().fold(f64::INFINITY, f64::min).floor() as i32;
    let high = (figures().fold(f64::NEG_INFINITY, f64::max).ceil() as i32).max(low + 2);
    let (width, height) = (WIDTH - LEFT - 8.0, HEIGHT - TOP - BOTTOM);
    let x = |size: f64| left + LEFT + width * (size - f64::from(SIZES.0)) / f64::from(SIZES.1 - SIZES.0);
    let y = |figure: f64| top + TOP + height * (f64::from(high) - figure) / f64::from(high - low);
    text(out, (left, top + 14.0), 14, "start", INK, title);
    for power in SIZES.0..=SIZES.1 {
        line(out, (x(power.into()), y(high.into())), (x(power.into()), y(low.into())), GRID, "");
        let size = ["10", "100", "1,000", "10,000", "100,000", "1,000,000"][(power - SIZES.0) as usize];
        text(out, (x(power.into()), y(low.into()) + 14.0), 9, "middle", QUIET, size);
    }
    for power in low..=high {
        line(out, (x(SIZES.0.into()), y(power.into())), (x(SIZES.1.into()), y(power.into())), GRID, "");
        let figure = format!("{}", 10_f64.powi(power));
        text(out, (left + LEFT - 6.0, y(power.into()) + 3.0), 9, "end", QUIET, &figure);
    }
    let rise = f64::from((high - low).min(SIZES.1 - SIZES.0));
    let (start, end) = (f64::from(SIZES.0), f64::from(low));
    line(out, (x(start), y(end)), (x(start + rise), y(end + rise)), QUIET, "stroke-dasharray='2 3'");
    for (number, ((name, points), colour)) in lines.iter().zip(LINES).enumerate() {
        let path: Vec<_> =
            points.iter().map(|&(size, figure)| format!("{:.1},{:.1}", x(size), y(figure))).collect();
        let path = path.join(" ");
        let _ = writeln!(out, "<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='1.8'/>");
        for &(size, figure) in points {
            let (x, y) = (x(size), y(figure));
            let _ = writeln!(out, "<circle cx='{x:.1}' cy='{y:.1}' r='2.4' fill='{colour}'/>");
        }
        let below = y(low.into()) + 32.0 + 14.0 * number as f64;
        line(
            out,
            (left + LEFT, below - 4.0),
            (left + LEFT + 18.0, below - 4.0),
            colour,
            "stroke-width='2.5'",
        );
        text(out, (left + LEFT + 24.0, below), 11, "start", INK, name);
    }
}

/// A text of ours, in which nothing has to be escaped.
fn text(out: &mut String, (x, y): (f64, f64), size: u32, anchor: &str, colour: &str, what: &str) {
    let style = format!("font-size='{size}' text-anchor='{anchor}' fill='{colour}'");
    let _ = writeln!(out, "<text x='{x:.1}' y='{y:.1}' {style}>{what}</text>");
}

fn line(out: &mut String, from: (f64, f64), to: (f64, f64), colour: &str, style: &str) {
    let ends = format!("x1='{:.1}' y1='{:.1}' x2='{:.1}' y2='{:.1}'", from.0, from.1, to.0, to.1);
    let _ = writeln!(out, "<line {ends} stroke='{colour}' {style}/>");
}
