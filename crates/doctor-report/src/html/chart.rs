//! Charts as SVG within the page.

use maud::{Markup, html};

/// What the bars share of the width; the names stand left of them, and the numbers right.
const NAME: usize = 110;
const LENGTH: usize = 380;
/// Between a bar and its numbers.
const GAP: usize = 8;
/// No character of the numbers is wider.
const CHARACTER: usize = 9;
/// The height of a bar, and of a bar with the room below it.
const THICK: usize = 18;
const ROW: usize = 26;

/// A bar of parts one behind the other.
pub(super) struct Bar<'a> {
    pub(super) name: &'a str,
    /// What each part is, which is also how it is coloured, and how much.
    pub(super) parts: Vec<(&'static str, usize)>,
}

impl Bar<'_> {
    fn whole(&self) -> usize {
        self.parts.iter().map(|(_, amount)| amount).sum()
    }

    fn numbers(&self) -> String {
        self.parts.iter().map(|(_, amount)| amount.to_string()).collect::<Vec<_>>().join(" / ")
    }

    /// Returns where the parts begin and how long they are, if the longest bar is `most`.
    fn places(&self, most: usize) -> Vec<(&'static str, usize, usize, usize)> {
        let mut before = 0;
        let place = |(what, amount): &(&'static str, usize)| {
            let from = before * LENGTH / most;
            before += amount;
            // What is there is seen, however little it is.
            let length = (before * LENGTH / most - from).max(usize::from(*amount > 0) * 2);
            (*what, *amount, NAME + from, length)
        };
        self.parts.iter().map(place).collect()
    }
}

/// Draws bars below each other, all on one scale.
pub(super) fn bars(label: &str, bars: &[Bar<'_>]) -> Markup {
    let most = bars.iter().map(Bar::whole).max().unwrap_or(0).max(1);
    let characters = bars.iter().map(|bar| bar.numbers().len()).max().unwrap_or(0);
    let (width, height) = (NAME + LENGTH + GAP + characters * CHARACTER, ROW * bars.len());
    html! {
        svg viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(label) {
            @for (row, bar) in bars.iter().enumerate() {
                @let (top, base) = (row * ROW, row * ROW + 14);
                text x=(NAME - 8) y=(base) text-anchor="end" { (bar.name) }
                @for (what, amount, from, length) in bar.places(most) {
                    @if amount > 0 {
                        rect class=(what) x=(from) y=(top) width=(length) height=(THICK) {
                            title { (bar.name) ": " (amount) " " (what) }
                        }
                    }
                }
                text x=(NAME + bar.whole() * LENGTH / most + GAP) y=(base) { (bar.numbers()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_one_behind_the_other() {
        let bar = Bar { name: "etcd", parts: vec![("critical", 1), ("warning", 0), ("info", 3)] };
        let quarter = LENGTH / 4;
        let places = [
            ("critical", 1, NAME, quarter),
            ("warning", 0, NAME + quarter, 0),
            ("info", 3, NAME + quarter, 3 * quarter),
        ];
        assert_eq!(bar.places(4), places);
        assert_eq!(bar.places(1_000_000)[0].3, 2, "what is there is seen");
    }

    #[test]
    fn the_longest_numbers_have_room() {
        let parts = vec![("run", 1046), ("impossible", 0), ("unasked", 18)];
        let drawn = bars("x", &[Bar { name: "checks", parts }]).into_string();
        let room = 507 - CHARACTER + "1046 / 0 / 18".len() * CHARACTER;
        assert!(drawn.contains(&format!("viewBox=\"0 0 {room} 26\"")), "{drawn}");
    }

    #[test]
    fn nothing_at_all_is_an_empty_bar() {
        let drawn = bars("x", &[Bar { name: "etcd", parts: vec![("critical", 0)] }]).into_string();
        assert!(drawn.contains("viewBox=\"0 0 507 26\"") && !drawn.contains("<rect"), "{drawn}");
    }
}
