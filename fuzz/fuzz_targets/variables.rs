//! Any bytes as the body of a call.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| portal::fuzzing::variables(body));
