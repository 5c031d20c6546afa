//! Any text as a credential.
#![no_main]

use kit::credential::{Kind, Malformed, Plain, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if Plain::parse(text) == Err(Malformed::Checksum) {
        // The checksum is no secret; a fuzzer would have to guess it.
        let body = &text[..text.len() - 6];
        let checksum = encode(&crc32fast::hash(body.as_bytes()).to_be_bytes(), 6);
        let text = format!("{body}{checksum}");
        let plain = Plain::parse(&text).expect("a credential");
        assert_eq!(plain.expose(), text);
        assert_eq!(plain.last_four(), &text[text.len() - 4..]);
        assert_eq!(plain.selector().is_some(), plain.kind() == Kind::Secret);
    }
});
