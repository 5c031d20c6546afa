//! Coercion beside the schema that is said of it: what jsonschema finds to fit is taken.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
};

use kit::config::environment;
use serde_json::{Value, json};

use super::{
    coerce_text, declare,
    generate::{Case, Dice},
    schema,
};
use crate::graphql::variables;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/clients/variables_schema.py");

/// Which of the variables fit their schema. `None` without the Python that `tests/run` prepares.
fn ask(cases: &[(String, &str)]) -> Option<Vec<bool>> {
    let python = environment().remove("PORTALS_TEST_PYTHON")?;
    let mut child = Command::new(python).arg(SCRIPT).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let question = |(schema, given): &(String, &str)| format!("{}\n", json!({ "schema": schema, "given": given }));
    let questions: String = cases.iter().map(question).collect();
    let mut input = child.stdin.take().unwrap();
    // Both sides may have more to say than a pipe holds.
    let writer = thread::spawn(move || input.write_all(questions.as_bytes()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "variables_schema.py failed: `tests/run` installs what it needs");
    writer.join().unwrap().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    Some(answers.lines().map(|line| serde_json::from_str::<Value>(line).unwrap() == true).collect())
}

#[test]
fn what_fits_the_schema_is_taken() {
    let full = environment().get("PORTALS_TEST_FULL").is_some_and(|value| value == "1");
    let count = if full { 25_000 } else { 2_000 };
    let cases: Vec<Case> = (0..count).map(|seed| Case::roll(&mut Dice(seed))).collect();
    let declared =
        |case: &Case| declare(case.declared.iter().map(|(name, ty, or)| (name.as_str(), ty.as_str(), or.is_some())));
    let questions: Vec<_> =
        cases.iter().map(|case| (variables(&declared(case), schema()), case.given.as_str())).collect();
    let Some(fits) = ask(&questions) else { return };
    assert_eq!(fits.len(), cases.len());
    let (mut both, mut taken) = (0, 0);
    for ((case, fits), (described, _)) in cases.iter().zip(&fits).zip(&questions) {
        let is_taken = coerce_text(schema(), &declared(case), &case.given);
        assert!(!fits || is_taken.is_ok(), "{case:#?}\n{described}\n{is_taken:#?}");
        both += usize::from(*fits);
        taken += usize::from(is_taken.is_ok());
    }
    // What is taken and doesn't fit has a single value in the place of a list.
    assert!(both * 10 > taken * 6, "{both} of {taken} that are taken fit");
    assert!(both * 5 < cases.len() * 4, "{both} of {} fit", cases.len());
}
