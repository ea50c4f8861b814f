//! Ways to break a request, those of HTTP Garden and Http11Probe among them: each makes of one that everybody reads alike one that
//! some server somewhere reads differently.

mod fields;
mod framing;
mod lines;

use super::{
    grammar::{Draft, Line},
    random::Random,
};

type Mutator = fn(&mut Random, &mut Draft);

const MUTATORS: [Mutator; 18] = [
    fields::case,
    fields::space_around_colon,
    fields::duplicate,
    fields::rename,
    fields::identity,
    fields::nominate,
    fields::expect,
    framing::length,
    framing::coding,
    framing::chunk,
    framing::truncate,
    lines::line_ends,
    lines::bytes,
    lines::request_line,
    lines::path,
    lines::fold,
    lines::drop_line,
    lines::swell,
];

/// Breaks it in one way.
pub fn mutate(random: &mut Random, draft: &mut Draft) {
    random.any(&MUTATORS)(random, draft);
}

/// Cuts what is sent into writes: mostly one, at times many, at times byte by byte at a line's end.
pub fn cut(random: &mut Random, bytes: Vec<u8>) -> Vec<Vec<u8>> {
    let mut places: Vec<_> = (0..random.any(&[0, 0, 0, 1, 2, 6])).map(|_| random.below(bytes.len() + 1)).collect();
    if random.once_in(8) {
        let ends = bytes.windows(2).enumerate().filter(|(_, two)| two == b"\r\n").take(8);
        places.extend(ends.flat_map(|(at, _)| [at, at + 1, at + 2]));
    }
    places.sort_unstable();
    places.dedup();
    places.push(bytes.len());
    let mut start = 0;
    let pieces = places.into_iter().map(|end| bytes[std::mem::replace(&mut start, end)..end].to_vec());
    pieces.filter(|piece| !piece.is_empty()).collect()
}

/// A header line; the request line is not one.
fn header<'d>(random: &mut Random, draft: &'d mut Draft) -> Option<&'d mut Line> {
    let count = draft.lines.len();
    (count > 1).then(|| &mut draft.lines[1 + random.below(count - 1)])
}

/// Puts a line in front of one of the others, or behind all of them.
fn insert(random: &mut Random, draft: &mut Draft, text: impl Into<Vec<u8>>) {
    let at = 1 + random.below(draft.lines.len());
    draft.lines.insert(at.min(draft.lines.len()), Line::new(text));
}

fn named<'d>(draft: &'d mut Draft, name: &[u8]) -> Option<&'d mut Line> {
    draft.lines.iter_mut().skip(1).find(|line| line.text.len() > name.len() && line.text[..name.len()].eq_ignore_ascii_case(name))
}
