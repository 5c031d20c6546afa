//! W3C Trace Context (Recommendation of 2021-11-23), `traceparent` and `tracestate`. There is no baggage: what callers put there
//! would reach upstreams.

use std::str::FromStr;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");
/// What is passed on of a `tracestate`, in bytes: as much as everybody must pass on (§3.3.1.5).
const MOST_STATE: usize = 512;

/// What a request belongs to. `None`: it doesn't say, or not in a way that can be read.
pub(super) fn read(headers: &HeaderMap) -> Option<SpanContext> {
    let mut parents = headers.get_all(PARENT).iter();
    let parent = parents.next()?;
    if parents.next().is_some() {
        return None;
    }
    let (trace, span, flags) = parse(parent.to_str().ok()?)?;
    Some(SpanContext::new(trace, span, flags, true, state(headers)))
}

/// `version-trace-parent-flags` (§3.2). Of a later version the beginning counts, if what follows is set apart.
fn parse(text: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let (known, more) = text.split_at_checked(55)?;
    let mut fields = known.split('-');
    let mut field = |length| fields.next().filter(|field| field.len() == length && is_lower_hex(field));
    let (version, trace, span, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
    let fits = match version {
        "ff" => false,
        "00" => more.is_empty(),
        _ => more.is_empty() || more.starts_with('-'),
    };
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let is_sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    let flags = if is_sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    (fits && trace != TraceId::INVALID && span != SpanId::INVALID).then_some((trace, span, flags))
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// One that can't be read is none (§3.3).
fn state(headers: &HeaderMap) -> TraceState {
    let lists: Option<Vec<&str>> = headers.get_all(STATE).iter().map(|list| list.to_str().ok()).collect();
    let list = lists.map(|lists| lists.join(",")).filter(|list| !list.is_empty() && list.len() <= MOST_STATE);
    list.and_then(|list| TraceState::from_str(&list).ok()).unwrap_or_default()
}

/// Says it to a part of ours.
pub(super) fn write(context: &SpanContext, headers: &mut HeaderMap) {
    write_parent(context, headers);
    let state = context.trace_state().header();
    if !state.is_empty()
        && let Ok(state) = HeaderValue::from_str(&state)
    {
        headers.insert(STATE, state);
    }
}

/// Says it without the state.
pub(super) fn write_parent(context: &SpanContext, headers: &mut HeaderMap) {
    let flags = u8::from(context.is_sampled());
    let parent = format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id());
    if let Ok(parent) = HeaderValue::from_str(&parent) {
        headers.insert(PARENT, parent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let given = headers(&[("traceparent", GOOD), ("tracestate", "a=1"), ("tracestate", "b=2")]);
        let context = read(&given).unwrap();
        assert!(context.is_sampled() && context.is_remote());
        let mut written = HeaderMap::new();
        write(&context, &mut written);
        assert_eq!(
            (&written["traceparent"], &written["tracestate"]),
            (&GOOD.parse().unwrap(), &"a=1,b=2".parse().unwrap())
        );
        let mut to_others = HeaderMap::new();
        write_parent(&context, &mut to_others);
        assert_eq!(to_others.len(), 1);
    }

    #[test]
    fn what_is_malformed_is_ignored() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        for malformed in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47+6-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            &format!("{trace}{trace}"),
        ] {
            assert!(read(&headers(&[("traceparent", malformed)])).is_none(), "{malformed}");
        }
        assert!(read(&headers(&[("traceparent", GOOD), ("traceparent", GOOD)])).is_none(), "two of them");
        let strange = HeaderMap::from_iter([(PARENT, HeaderValue::from_bytes(b"00-\xff").unwrap())]);
        assert!(read(&strange).is_none());
    }

    #[test]
    fn later_versions_and_flags_are_read_as_far_as_they_are_known() {
        for (parent, is_sampled) in [
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-more", true),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02", false),
        ] {
            assert_eq!(read(&headers(&[("traceparent", parent)])).unwrap().is_sampled(), is_sampled, "{parent}");
        }
    }

    #[test]
    fn a_state_that_is_too_long_or_odd_is_left_out() {
        for state in ["x", "a=1,b", &format!("a={}", "x".repeat(600))] {
            let context = read(&headers(&[("traceparent", GOOD), ("tracestate", state)])).unwrap();
            assert_eq!(context.trace_state().header(), "", "{state}");
        }
    }
}
