//! Shapes beside graphql-core, the reference implementation's port to Python: what it answers to generated operations, with
//! random data, fits their shapes, and what was spoilt doesn't.

use std::{
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
    thread,
};

use apollo_compiler::{
    ast::Type,
    schema::{ExtendedType, FieldDefinition},
};
use kit::config::environment;
use serde_json::{Value, json};

use super::{SDL, shaped};
use crate::graphql::Schema;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/clients/result_shapes.py");

/// A sequence of choices that a number decides.
struct Dice(u64);

impl Dice {
    /// One of `sides`, from 0.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }
}

struct Writer<'a> {
    schema: &'a Schema,
    dice: Dice,
    /// The type and the text of each.
    fragments: Vec<(&'static str, String)>,
}

impl Writer<'_> {
    fn operation(seed: u64, schema: &Schema) -> String {
        let mut writer = Writer { schema, dice: Dice(seed), fragments: Vec::new() };
        writer.dice.roll(2);
        let root = writer.selections("Query", 4);
        let mut text =
            format!("query ($x: Boolean!, $y: Boolean!) {{ _: __typename @include(if: $x) @skip(if: $y) {root} }}");
        for (at, (of, fragment)) in writer.fragments.iter().enumerate() {
            write!(text, " fragment F{at} on {of} {{ {fragment} }}").unwrap();
        }
        text
    }

    fn selections(&mut self, of: &str, depth: usize) -> String {
        let count = 1 + self.dice.roll(4);
        (0..count).map(|_| self.selection(of, depth)).collect::<Vec<_>>().join(" ")
    }

    fn selection(&mut self, of: &str, depth: usize) -> String {
        let directive = self.directive();
        match self.dice.roll(8) {
            0 => format!("__typename{directive}"),
            1 if depth > 0 => format!("...{directive} {{ {} }}", self.selections(of, depth - 1)),
            2 if depth > 0 && of != "Query" => {
                let on = self.dice.pick(fitting(of));
                format!("... on {on}{directive} {{ {} }}", self.selections(on, depth - 1))
            }
            3 if depth > 0 && of != "Query" => format!("...{}{directive}", self.fragment(of, depth - 1)),
            _ => self.field(of, depth, directive),
        }
    }

    fn directive(&mut self) -> &'static str {
        let conditional =
            [" @skip(if: $x)", " @include(if: $x)", " @include(if: $y)", " @skip(if: false)", " @include(if: false)"];
        if self.dice.one_in(4) { self.dice.pick(&conditional) } else { "" }
    }

    fn fragment(&mut self, of: &str, depth: usize) -> String {
        let on = self.dice.pick(fitting(of));
        let known = self.fragments.iter().position(|(of, _)| *of == on);
        if let Some(at) = known.filter(|_| self.dice.one_in(2)) {
            return format!("F{at}");
        }
        let text = self.selections(on, depth.min(2));
        self.fragments.push((on, text));
        format!("F{}", self.fragments.len() - 1)
    }

    fn field(&mut self, of: &str, depth: usize, directive: &str) -> String {
        let fields: Vec<&FieldDefinition> = match &self.schema.types[of] {
            ExtendedType::Object(of) => of.fields.values().map(|field| &***field).collect(),
            ExtendedType::Interface(of) => of.fields.values().map(|field| &***field).collect(),
            _ => return format!("__typename{directive}"),
        };
        let is_leaf = |ty: &Type| self.schema.types[ty.inner_named_type()].is_leaf();
        let fields: Vec<_> = fields.into_iter().filter(|field| depth > 0 || is_leaf(&field.ty)).collect();
        let Some(field) = (!fields.is_empty()).then(|| self.dice.pick(&fields)) else { return "__typename".to_owned() };
        let leaf = is_leaf(&field.ty);
        // One key for fields of one type, so that keys are shared by types and few of the documents are refused.
        let key: String = field.ty.to_string().replace('!', "N").replace(['[', ']'], "L");
        let alias = if self.dice.one_in(3) { format!("x{key}: ") } else { String::new() };
        let below = if leaf {
            String::new()
        } else {
            format!(" {{ {} }}", self.selections(field.ty.inner_named_type(), depth - 1))
        };
        format!("{alias}{}{directive}{below}", field.name)
    }
}

/// Types that a fragment inside of `of` can be on.
fn fitting(of: &str) -> &'static [&'static str] {
    match of {
        "User" => &["User", "Node", "Any"],
        "Build" => &["Build", "Node", "Any"],
        _ => &["User", "Build", "Node", "Any"],
    }
}

/// What graphql-core and jsonschema say of each case. `None` without the Python that `tests/run` prepares.
fn ask(cases: &[(String, Value)]) -> Option<Vec<Value>> {
    let python = environment().remove("PORTALS_TEST_PYTHON")?;
    let mut child = Command::new(python).arg(SCRIPT).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut questions = json!({ "sdl": SDL }).to_string();
    for (operation, shape) in cases {
        questions.push('\n');
        questions.push_str(&json!({ "operation": operation, "shape": shape }).to_string());
    }
    let mut input = child.stdin.take().unwrap();
    // Both sides may have more to say than a pipe holds.
    let writer = thread::spawn(move || input.write_all(questions.as_bytes()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "result_shapes.py failed: `tests/run` installs what it needs");
    writer.join().unwrap().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    Some(answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn what_the_reference_implementation_answers_fits_and_what_is_spoilt_does_not() {
    let full = environment().get("PORTALS_TEST_FULL").is_some_and(|value| value == "1");
    let count = if full { 10_000 } else { 500 };
    let schema = Schema::parse(SDL).unwrap();
    let valid = |text: &String| apollo_compiler::ExecutableDocument::parse_and_validate(&schema, text, "q").is_ok();
    let operations = (0..).map(|seed| Writer::operation(seed, &schema)).filter(valid).take(count);
    let cases: Vec<_> = operations.map(|text| (shaped(&text), text)).map(|(shape, text)| (text, shape)).collect();
    let Some(said) = ask(&cases) else { return };
    assert_eq!(said.len(), cases.len());
    let (mut answers, mut mutants) = (0, 0);
    for ((operation, shape), said) in cases.iter().zip(&said) {
        assert_eq!(said["misfits"], json!([]), "{operation}\n{shape:#}");
        assert_eq!(said["survivors"], json!([]), "{operation}\n{shape:#}");
        answers += said["answers"].as_u64().unwrap();
        mutants += said["mutants"].as_u64().unwrap();
    }
    assert_eq!(answers, 4 * u64::try_from(count).unwrap());
    assert!(mutants > 2 * answers, "{mutants} of {answers}");
}
