//! JSON whose values are found once and stay text, so that numbers keep their digits and nothing is read twice.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

/// Where the values of a text are, in the order of their beginnings. Keys of objects count as values.
pub(super) struct Tape<'t> {
    text: &'t str,
    places: Vec<Place>,
}

struct Place {
    start: usize,
    end: usize,
    /// The number of the first value behind this one and all that is in it.
    next: usize,
}

impl<'t> Tape<'t> {
    /// Finds every value, in time and memory linear in the length of the text, however deep it nests.
    pub(super) fn of(json: &'t RawValue) -> Self {
        let text = json.get();
        let (mut places, mut open, mut at) = (Vec::new(), Vec::new(), 0);
        while let Some(&byte) = text.as_bytes().get(at) {
            let start = at;
            at += 1;
            match byte {
                b'{' | b'[' => {
                    open.push(places.len());
                    places.push(Place { start, end: at, next: 0 });
                }
                b'}' | b']' => {
                    let next = places.len();
                    if let Some(place) = open.pop().and_then(|number| places.get_mut(number)) {
                        *place = Place { end: at, next, ..*place };
                    }
                }
                b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => {}
                _ => {
                    at = start + length(text.as_bytes().get(start..).unwrap_or_default());
                    places.push(Place { start, end: at, next: places.len() + 1 });
                }
            }
        }
        Self { text, places }
    }

    /// The value that is the whole text.
    pub(super) fn root(&self) -> Given<'_> {
        Given { tape: self, number: 0 }
    }
}

/// Bytes of the string, number or word that valid JSON begins with; one at least.
fn length(json: &[u8]) -> usize {
    let Some((b'"', rest)) = json.split_first() else {
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
        return json.iter().position(ends).unwrap_or(json.len()).max(1);
    };
    let mut escaped = false;
    let closes = |byte: &u8| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    };
    rest.iter().position(closes).map_or(json.len(), |at| at + 2)
}

/// What a value is, as its first character says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Boolean,
    Number,
    String,
    List,
    Object,
}

/// A value.
#[derive(Clone, Copy)]
pub(super) struct Given<'t> {
    tape: &'t Tape<'t>,
    number: usize,
}

impl<'t> Given<'t> {
    /// Its JSON, byte for byte.
    pub(super) fn text(self) -> &'t str {
        let place = self.tape.places.get(self.number);
        place.and_then(|place| self.tape.text.get(place.start..place.end)).unwrap_or_default()
    }

    pub(super) fn kind(self) -> Kind {
        match self.text().bytes().next() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::List,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Boolean,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            _ => Kind::Null,
        }
    }

    /// The characters of a string; nothing of anything else.
    pub(super) fn characters(self) -> Cow<'t, str> {
        let inside = self.text().strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
        if !inside.contains('\\') {
            return Cow::Borrowed(inside);
        }
        serde_json::from_str(self.text()).map_or_else(|_no_text| Cow::Borrowed(inside), Cow::Owned)
    }

    /// What is in a list.
    pub(super) fn items(self) -> impl Iterator<Item = Self> {
        let places = &self.tape.places;
        let end = places.get(self.number).map_or(0, |place| place.next);
        let after = move |number: &usize| places.get(*number).map(|place| place.next);
        let numbers = std::iter::successors(Some(self.number + 1), after).take_while(move |number| *number < end);
        numbers.map(move |number| Self { number, ..self })
    }

    /// What is in an object. Of a doubled name the last value counts.
    pub(super) fn members(self) -> BTreeMap<Cow<'t, str>, Self> {
        let mut items = self.items();
        let pair = || Some((items.next()?.characters(), items.next()?));
        std::iter::from_fn(pair).collect()
    }
}
