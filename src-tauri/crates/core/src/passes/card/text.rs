//! Text in any script that fits its space.
use super::outline::{self, is_devanagari};
use resvg::usvg::fontdb::{Database, Source};
use resvg::usvg::{Options, Tree};
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

/// Compiled in, so that a card looks the same on every machine.
static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    let files: [&'static [u8]; 3] = [
        include_bytes!("../../../../../../icons/fonts/Inter-Regular.otf"),
        include_bytes!("../../../../../../icons/fonts/Inter-SemiBold.otf"),
        include_bytes!("../../../../../../icons/fonts/NotoSansArabic-Bold.ttf"),
    ];
    for file in files {
        fonts.load_font_source(Source::Binary(Arc::new(file)));
    }
    Arc::new(fonts)
});

/// What turns our drawings into shapes.
pub fn options() -> Options<'static> {
    Options { font_family: "Inter".to_owned(), fontdb: FONTS.clone(), ..Options::default() }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Regular,
    Strong,
}

/// A block of lines that fits.
pub struct Fitted {
    pub lines: Vec<String>,
    /// Height of the letters' em, in tenths of a millimetre.
    pub size: u32,
}

/// Breaks `text` into at most `lines` lines of at most `width`, in the largest of `sizes` in which it fits. What
/// does not fit even in the smallest ends in an ellipsis.
pub fn fit(text: &str, weight: Weight, width: f32, lines: usize, sizes: &[u32]) -> Fitted {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut last = Fitted { lines: Vec::new(), size: 0 };
    for &size in sizes {
        let broken = break_lines(&words, weight, width, size);
        let fits = broken.len() <= lines && broken.iter().all(|line| measure(line, weight, size) <= width);
        last = Fitted { lines: broken, size };
        if fits {
            return last;
        }
    }
    last.lines.truncate(lines);
    let cut_off = words.join(" ") != last.lines.join(" ");
    let size = last.size;
    let count = last.lines.len();
    for (index, line) in last.lines.iter_mut().enumerate() {
        let mut shortened = line.clone();
        let needs_mark = cut_off && index + 1 == count;
        if needs_mark || measure(line, weight, size) > width {
            shortened.push('…');
        }
        while measure(&shortened, weight, size) > width && line.pop().is_some() {
            shortened = format!("{}…", line.trim_end());
        }
        *line = shortened;
    }
    last
}

fn break_lines(words: &[&str], weight: Weight, width: f32, size: u32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match (lines.last_mut(), longer) {
            (Some(line), Some(longer)) if measure(&longer, weight, size) <= width => *line = longer,
            _ => lines.push((*word).to_owned()),
        }
    }
    lines
}

/// Width of a line as it will be drawn.
pub fn measure(line: &str, weight: Weight, size: u32) -> f32 {
    // No line of a card is this long; shaping ten thousand letters to find out helps nobody.
    if line.chars().count() > 80 {
        return f32::INFINITY;
    }
    runs(line).into_iter().map(|run| run_width(run, weight, size)).sum()
}

fn run_width(run: &str, weight: Weight, size: u32) -> f32 {
    if run.starts_with(is_devanagari) {
        return outline::width(run, float(size));
    }
    let mut svg = String::from(r#"<svg xmlns="http://www.w3.org/2000/svg" width="1000" height="1000">"#);
    draw_run(&mut svg, run, &Style { weight, size, colour: "#000", right: false }, 0.0, 500);
    svg.push_str("</svg>");
    let drawn = Tree::from_str(&svg, &options())
        .map_or(f32::INFINITY, |tree| tree.root().abs_bounding_box().right().max(0.0));
    // A blank at the end draws nothing and takes its room.
    let blanks = run.chars().rev().take_while(|c| *c == ' ').count();
    drawn + float(size) * 0.28 * f32::from(u8::try_from(blanks).unwrap_or(u8::MAX))
}

/// Devanagari apart from the rest, each with the blanks after it.
fn runs(line: &str) -> Vec<&str> {
    if !line.contains(is_devanagari) {
        return vec![line];
    }
    let mut runs = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        // Joiners belong to the letters before them.
        let same = |c: char| matches!(c, '\u{200c}' | '\u{200d}') || is_devanagari(c) == is_devanagari(first);
        let end = rest.find(|c| !same(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        runs.push(run);
        rest = after;
    }
    runs
}

/// How a line looks.
pub struct Style<'a> {
    pub weight: Weight,
    pub size: u32,
    pub colour: &'a str,
    /// The line ends at its place instead of beginning there.
    pub right: bool,
}

/// Adds a line of text at `x` with its baseline at `y`.
pub fn draw(svg: &mut String, line: &str, style: &Style<'_>, x: u32, y: u32) {
    let mut x = float(x);
    for run in runs(line) {
        if run.starts_with(is_devanagari) {
            outline::draw(svg, run, float(style.size), x, y, style.colour);
        } else {
            draw_run(svg, run, style, x, y);
        }
        x += run_width(run, style.weight, style.size);
    }
}

fn draw_run(svg: &mut String, run: &str, style: &Style<'_>, x: f32, y: u32) {
    let arabic = run.contains(is_arabic);
    // Left to a fallback, Arabic would be as light as the Latin font's weight.
    let (family, weight) = match (arabic, style.weight) {
        (true, _) => ("Noto Sans Arabic", 700),
        (false, Weight::Regular) => ("Inter", 400),
        (false, Weight::Strong) => ("Inter", 600),
    };
    let anchor = if style.right { "end" } else { "start" };
    let (size, colour) = (style.size, style.colour);
    write!(
        svg,
        r#"<text x="{x}" y="{y}" xml:space="preserve" text-anchor="{anchor}" font-family="{family}" font-weight="{weight}" font-size="{size}" fill="{colour}">{}</text>"#,
        escape(run)
    )
    .expect("a string can be written to");
}

fn float(value: u32) -> f32 {
    f32::from(u16::try_from(value).unwrap_or(u16::MAX))
}

fn is_arabic(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{77f}' | '\u{8a0}'..='\u{8ff}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}')
}

/// Whether a text is read from the right.
pub fn is_right_to_left(text: &str) -> bool {
    text.chars().find(|c| c.is_alphabetic()).is_some_and(is_arabic)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // XML cannot carry them, and nobody can read them.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_stands_in_one_line_in_the_largest_size() {
        let fitted = fit("Mona Adel", Weight::Strong, 400.0, 3, &[56, 40]);
        assert_eq!((fitted.lines, fitted.size), (vec!["Mona Adel".to_owned()], 56));
    }

    #[test]
    fn a_long_name_shrinks_and_breaks_between_words() {
        let name = "Abdelrahman Mohamed El-Sayed Abdelhamid El-Masry";
        let fitted = fit(name, Weight::Strong, 400.0, 3, &[56, 46, 38, 30]);
        assert!(fitted.lines.len() <= 3 && fitted.size < 56);
        assert_eq!(fitted.lines.join(" "), name);
    }

    #[test]
    fn a_name_without_end_is_cut_where_it_still_fits() {
        for name in ["x".repeat(200), "ab ".repeat(80), "م".repeat(200)] {
            let fitted = fit(&name, Weight::Strong, 400.0, 3, &[56, 30]);
            assert!((1..=3).contains(&fitted.lines.len()));
            assert!(fitted.lines.last().is_some_and(|line| line.ends_with('…')));
            for line in &fitted.lines {
                assert!(measure(line, Weight::Strong, fitted.size) <= 400.0, "{line}");
            }
        }
    }

    #[test]
    fn arabic_letters_are_joined() {
        // A non-joiner has no width of its own, but the letters beside it take other shapes; drawn without shaping,
        // both would be as wide.
        let width = |text| measure(text, Weight::Strong, 50);
        assert!((width("محمد") - width("م\u{200c}ح\u{200c}م\u{200c}د")).abs() > 1.0);
    }

    #[test]
    fn every_script_of_the_house_has_letters() {
        for name in ["Zoë Müller", "منى عادل", "मोना"] {
            assert!(measure(name, Weight::Strong, 50) > 50.0, "{name}");
        }
    }

    #[test]
    fn devanagari_vowels_stand_beside_their_consonant() {
        // म and न are about as wide as each other, ा and ो add a stroke each.
        let width = |text| measure(text, Weight::Strong, 50);
        assert!(width("मोना") > width("मो") + width("न"), "{} {}", width("मोना"), width("मो"));
        assert!(width("Mona मोना") > width("Mona") + width("मोना"));
        assert_eq!(runs("Mona मोना शर्मा (2)"), ["Mona ", "मोना", " ", "शर्मा", " (2)"]);
    }

    #[test]
    fn markup_in_a_name_stays_text() {
        assert_eq!(escape("<b>&\0\u{8}"), "&lt;b&gt;&amp;");
    }
}
