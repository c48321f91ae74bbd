//! However a stream of lines is cut into chunks, the same lines come out: those of a plain split.
#![no_main]

use _core::lines::LineCutter;
use libfuzzer_sys::fuzz_target;
use mcpgate_fuzz::{chunks, parts};

fn cut(limit: usize, pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut cutter, mut out) = (LineCutter::new(limit), Vec::new());
    for piece in pieces {
        cutter.feed(piece, &mut out);
    }
    (out, cutter.take_overlong())
}

fuzz_target!(|input: &[u8]| {
    let [sizes, data] = parts(input);
    let limit = sizes.first().copied().unwrap_or(200);
    let limit = usize::from(limit);
    let (lines, overlong) = cut(limit, &[data]);
    assert_eq!(cut(limit, &chunks(sizes, data)), (lines.clone(), overlong.clone()));
    let ended = data.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let plain: Vec<&[u8]> = data[..ended]
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| line.len() > limit || !line.trim_ascii().is_empty())
        .collect();
    let kept: Vec<&[u8]> = plain.iter().copied().filter(|line| line.len() <= limit).collect();
    assert_eq!(lines, kept);
    assert_eq!(overlong.len(), (plain.len() - kept.len()).min(64));
});
