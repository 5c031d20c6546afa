//! What `/metrics` of an admin listener says.

use std::net::SocketAddr;

use crate::raw;

/// The sum of all series of a metric; 0 when it isn't there yet.
pub fn total(admin: SocketAddr, name: &str) -> f64 {
    sum(&read(admin), name)
}

/// The same of those that have this among their labels, such as `outcome="failed"`.
pub fn total_of(admin: SocketAddr, name: &str, label: &str) -> f64 {
    let text = read(admin);
    let lines: Vec<&str> = text.lines().filter(|line| line.contains(label)).collect();
    sum(&lines.join("\n"), name)
}

fn read(admin: SocketAddr) -> String {
    let text = raw::exchange(admin, &raw::request("GET /metrics", &[], "")).unwrap();
    assert_eq!(raw::status(&text), 200, "{text}");
    text
}

fn sum(text: &str, name: &str) -> f64 {
    let of_name = |line: &str| {
        let rest = line.strip_prefix(name)?;
        rest.starts_with([' ', '{']).then(|| rest.rsplit(' ').next()?.trim().parse::<f64>().ok())?
    };
    text.lines().filter_map(of_name).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_of_a_metric_are_summed_and_no_other_s() {
        let text = "# TYPE a_total counter\na_total 2\na_total{k=\"x y\"} 3\na_total_more 7\n";
        assert!((sum(text, "a_total") - 5.0).abs() < f64::EPSILON);
        assert!(sum(text, "b_total").abs() < f64::EPSILON);
    }
}
