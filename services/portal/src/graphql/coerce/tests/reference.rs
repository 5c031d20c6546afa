//! Coercion beside graphql-core, the reference implementation's port to Python: what is refused, and what becomes of the
//! rest.
//!
//! Meant to differ, and so not generated: a whole number that is no double is refused there as a Float, and keeps its
//! digits here; one written with a fraction or an exponent, beyond 2^53, is an ID there (of the double's digits) and
//! refused here. Defaults are filled in there and left to the executor here; variables that aren't declared are ignored
//! by both.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
};

use kit::config::environment;
use serde_json::{Value, json};

use super::{
    coerce_text, declare,
    generate::{Case, Dice, SDL},
    schema,
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/clients/coerce_variables.py");

/// What graphql-core says of each case. `None` without the Python that `tests/run` prepares.
fn ask(cases: &[Case]) -> Option<Vec<Value>> {
    let python = environment().remove("PORTALS_TEST_PYTHON")?;
    let mut child = Command::new(python).arg(SCRIPT).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut questions = json!({ "sdl": SDL }).to_string();
    for case in cases {
        questions.push('\n');
        questions.push_str(&json!({ "operation": case.operation(), "given": case.given }).to_string());
    }
    let mut input = child.stdin.take().unwrap();
    // Both sides may have more to say than a pipe holds.
    let writer = thread::spawn(move || input.write_all(questions.as_bytes()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "coerce_variables.py failed: `tests/run` installs graphql-core");
    writer.join().unwrap().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    Some(answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Equal, numbers by value.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let with = |(name, left)| right.get(name).is_some_and(|right| same(left, right));
            left.len() == right.len() && left.iter().all(with)
        }
        _ => left == right,
    }
}

#[test]
fn values_are_taken_and_refused_as_the_reference_implementation_does() {
    let full = environment().get("PORTALS_TEST_FULL").is_some_and(|value| value == "1");
    let count = if full { 25_000 } else { 2_000 };
    let cases: Vec<Case> = (0..count).map(|seed| Case::roll(&mut Dice(seed))).collect();
    let Some(answers) = ask(&cases) else { return };
    assert_eq!(answers.len(), cases.len());
    let mut taken = 0;
    for (case, theirs) in cases.iter().zip(&answers) {
        let operation = declare(case.declared.iter().map(|(name, ty, or)| (name.as_str(), ty.as_str(), or.is_some())));
        match coerce_text(schema(), &operation, &case.given) {
            Ok(coerced) => {
                let ours: Value = serde_json::from_str(coerced.variables.get()).unwrap();
                assert!(same(&ours, &theirs["values"]), "{case:#?}\nours: {ours}\ntheirs: {theirs}");
                taken += 1;
            }
            Err(faults) => {
                let mut named: Vec<_> =
                    faults.iter().map(|fault| fault.field.split(['.', '[']).next().unwrap()).collect();
                named.sort_unstable();
                named.dedup();
                assert_eq!(json!(named), theirs["faulty"], "{case:#?}\nours: {faults:#?}");
            }
        }
    }
    // Neither side of the question may be rare.
    assert!(taken > count / 3 && taken < count * 4 / 5, "{taken} of {count} were taken");
}
