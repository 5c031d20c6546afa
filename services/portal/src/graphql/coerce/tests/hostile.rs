//! Variables made to cost much (S16): memory and work stay within a small multiple of the body.

use super::{coerce_text, declare, schema};

/// The largest body.
const BODY: usize = 256 << 10;

#[test]
fn the_largest_bodies_cost_little_whatever_is_in_them() {
    let fill = |unit: &str, between: &str| vec![unit; (BODY - 1000) / (unit.len() + between.len())].join(between);
    let nested = |open: &str, inner: &str, close: &str| format!("{}{inner}{}", open.repeat(30), close.repeat(30));
    let members: String = (0..20_000).map(|n| format!("\"m{n}\":1,")).collect();
    for (ty, given) in [
        ("[Int]", format!("[{}]", fill("1", ","))),
        ("[Int]", format!("[{}]", fill("\"\"", ","))),
        ("[[[[Int]]]]", format!("[{}]", fill("1", ","))),
        ("[Small]", format!("[{}]", fill("{}", ","))),
        ("[In]", format!("[{}]", fill("{}", ","))),
        ("[In]", format!("[{}]", fill("{\"id\":1}", ","))),
        ("In", format!("{{{}}}", fill("\"id\":1", ","))),
        ("In", format!("{{{members}\"id\":1}}")),
        ("Custom", format!("[{}]", fill("[]", ","))),
        ("ID", fill("1", "")),
        ("Int", fill("1", "")),
        ("Float", format!("0.{}", fill("1", ""))),
        ("String", format!("\"{}\"", fill("\\u0041", ""))),
        ("E", format!("\"{}\"", fill("\\u0041", ""))),
        ("In", nested("{\"id\":1,\"nested\":", &format!("{{\"id\":1,\"any\":[{}]}}", fill("1", ",")), "}")),
    ] {
        let operation = declare([("v", ty, false)]);
        let given = format!("{{\"v\":{given}}}");
        assert!(given.len() <= BODY + 1000, "{ty}");
        let cost = allocation_counter::measure(|| drop(coerce_text(schema(), &operation, &given)));
        assert!(cost.bytes_max < 32 * BODY as u64, "{ty}: {cost:?}");
        assert!(cost.count_total < BODY as u64, "{ty}: {cost:?}");
    }
}

#[test]
fn a_flood_of_faults_ends_with_the_fiftieth() {
    let operation = declare([("v", "[Int]", false), ("w", "Int!", false)]);
    let given = format!("{{\"v\":[{}]}}", vec!["\"\""; 80_000].join(","));
    let cost = allocation_counter::measure(|| {
        let faults = coerce_text(schema(), &operation, &given).unwrap_err();
        assert_eq!(faults.len(), 50);
        assert_eq!((faults[48].field.as_str(), faults[49].field.as_str()), ("v[48]", "v[49]"));
        assert!(faults[49].message.contains("wasn't looked at"));
    });
    assert!(cost.count_total < 1_000, "{cost:?}");
}

#[test]
fn a_single_value_in_lists_of_lists_costs_no_stack() {
    let ty = format!("{}Int{}", "[".repeat(100), "]".repeat(100));
    let coerced = super::fit(&ty, "1").unwrap();
    assert_eq!(coerced, format!("{}1{}", "[".repeat(100), "]".repeat(100)));
}
