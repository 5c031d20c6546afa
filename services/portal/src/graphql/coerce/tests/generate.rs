//! Variables at random: declarations over every kind of input type, and values that mostly fit.

/// Every kind of input type.
pub(super) const SDL: &str = r#"
    type Query { ok: Boolean }
    enum E { ONE TWO }
    scalar Custom
    input In {
        id: ID!  name: String = "n"  tags: [String!]  nested: In  e: E = ONE  flag: Boolean  ratio: Float  any: Custom
        grid: [[Int!]]  count: Int! = 3  list: [In!]! = []  one: One
    }
    input One @oneOf { a: Int  b: String  c: In  d: [ID!] }
    input Small { flag: Boolean }
"#;

const NAMED: [&str; 10] = ["Int", "Float", "String", "Boolean", "ID", "E", "Custom", "In", "One", "Small"];

/// Numbers that differ in how they are written, and how large they are.
const INTEGERS: [&str; 8] = ["0", "-0", "7", "-12", "2147483647", "-2147483648", "2147483648", "-2147483649"];
const DECIMALS: [&str; 10] =
    ["1.0", "1.5", "-1.5e3", "1e2", "1E+2", "0.1e1", "-0.0", "1.10", "2147483648.0", "9007199254740991.0"];
const STRINGS: [&str; 8] =
    [r#""""#, r#""ONE""#, r#""TWO""#, r#""x""#, r#""\u004fNE""#, r#""é🚀""#, r#""\"{[\\""#, r#""1""#];

/// Random choices that a seed repeats (`SplitMix64`).
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    fn pick(&mut self, from: &[&str]) -> String {
        from[self.below(from.len())].to_owned()
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
}

/// An operation's variables and a call's.
#[derive(Debug)]
pub(super) struct Case {
    /// Name, type, default.
    pub(super) declared: Vec<(String, String, Option<String>)>,
    pub(super) given: String,
}

impl Case {
    pub(super) fn roll(dice: &mut Dice) -> Self {
        let mut declared = Vec::new();
        let mut members = Vec::new();
        for name in ["a", "b", "c"].iter().take(1 + dice.below(3)) {
            let ty = ty(dice);
            if dice.percent(90) {
                members.push(format!("\"{name}\":{}", fitting(dice, &ty, 3)));
            }
            let default = dice.percent(25).then(|| literal(&ty));
            declared.push(((*name).to_owned(), ty, default));
        }
        if dice.percent(10) {
            members.push(format!("\"undeclared\": {}", anything(dice, 2)));
        }
        if dice.percent(5) {
            members.push(format!("\"a\":{}", fitting(dice, &declared[0].1, 2)));
        }
        Self { declared, given: format!("{{{}}}", members.join(" , ")) }
    }

    /// The operation in GraphQL.
    pub(super) fn operation(&self) -> String {
        let default = |default: &Option<String>| default.as_ref().map(|text| format!(" = {text}")).unwrap_or_default();
        let variables = self.declared.iter().map(|(name, ty, or)| format!("${name}: {ty}{}", default(or)));
        format!("query ({}) {{ ok }}", variables.collect::<Vec<_>>().join(", "))
    }
}

/// A type of up to three lists.
pub(super) fn ty(dice: &mut Dice) -> String {
    let mut ty = dice.pick(&NAMED);
    for _ in 0..[0, 0, 0, 1, 1, 2, 3][dice.below(7)] {
        let inner = if dice.percent(40) { "!" } else { "" };
        ty = format!("[{ty}{inner}]");
    }
    if dice.percent(40) { ty + "!" } else { ty }
}

/// A literal of GraphQL that fits.
fn literal(ty: &str) -> String {
    match ty.trim_end_matches('!') {
        "Int" | "Custom" => "5".to_owned(),
        "Float" => "1.5".to_owned(),
        "String" | "ID" => "\"d\"".to_owned(),
        "Boolean" => "true".to_owned(),
        "E" => "TWO".to_owned(),
        "In" => "{id: \"d\"}".to_owned(),
        "One" => "{a: 1}".to_owned(),
        "Small" => "{}".to_owned(),
        list => format!("[{}]", literal(&list[1..list.len() - 1])),
    }
}

/// JSON that fits, most of the time.
pub(super) fn fitting(dice: &mut Dice, ty: &str, depth: usize) -> String {
    if dice.percent(3) {
        return anything(dice, depth);
    }
    let (ty, nullable) = ty.strip_suffix('!').map_or((ty, true), |ty| (ty, false));
    if dice.percent(if nullable { 10 } else { 2 }) {
        return "null".to_owned();
    }
    match ty {
        "Int" if dice.percent(10) => dice.pick(&["1e400", "123456789012345678901234567890", "1.5", "1e10"]),
        "Int" => dice.pick(&["0", "-0", "7", "2147483647", "-2147483648", "1.0", "1e2", "-2.50e1", "0.1e1", "-0.0"]),
        "Float" if dice.percent(5) => dice.pick(&["1e400", "-1e309"]),
        "Float" => number(dice),
        "String" => dice.pick(&STRINGS),
        "Boolean" => dice.pick(&["true", "false"]),
        "ID" if dice.percent(5) => dice.pick(&["1e400", "0.5"]),
        "ID" => match dice.below(3) {
            0 => dice.pick(&STRINGS),
            1 => dice.pick(&["123456789012345678901234567890", "-98765432109876543210", "1.0", "-1e2", "-0.0"]),
            _ => dice.pick(&INTEGERS),
        },
        "E" => dice.pick(&[r#""ONE""#, r#""TWO""#, r#""\u004fNE""#, r#""\u0054\u0057O""#]),
        "Custom" => anything(dice, depth),
        "In" | "One" | "Small" => object(dice, ty, depth),
        list => items(dice, &list[1..list.len() - 1], depth),
    }
}

fn items(dice: &mut Dice, item: &str, depth: usize) -> String {
    if dice.percent(15) {
        return fitting(dice, item, depth);
    }
    let items: Vec<_> = (0..dice.below(4)).map(|_| fitting(dice, item, depth)).collect();
    format!("[ {}]", items.join(" ,"))
}

fn object(dice: &mut Dice, ty: &str, depth: usize) -> String {
    let fields: &[(&str, &str, usize)] = match ty {
        "In" => &[
            ("id", "ID!", 97),
            ("name", "String", 20),
            ("tags", "[String!]", 20),
            ("nested", "In", 20),
            ("e", "E", 20),
            ("flag", "Boolean", 20),
            ("ratio", "Float", 20),
            ("any", "Custom", 20),
            ("grid", "[[Int!]]", 20),
            ("count", "Int!", 20),
            ("list", "[In!]!", 10),
            ("one", "One", 20),
            ("id", "ID!", 3),
            ("nope", "Int", 1),
        ],
        "One" => match dice.below(10) {
            0 => &[("a", "Int", 50), ("b", "String", 50)],
            1..4 => &[("a", "Int", 100)],
            4..6 => &[("b", "String!", 100)],
            6..8 => &[("c", "In!", 100)],
            _ => &[("d", "[ID!]!", 100)],
        },
        _ => &[("flag", "Boolean", 60)],
    };
    let mut members = Vec::new();
    for (name, field, chance) in fields {
        let deep = matches!(*field, "In" | "[In!]!" | "One");
        if (depth > 0 || !deep) && dice.percent(*chance) {
            members.push(format!("\"{name}\" : {}", fitting(dice, field, depth.saturating_sub(1))));
        }
    }
    format!("{{{}}}", members.join(","))
}

/// Any JSON, with numbers that a double can have.
pub(super) fn anything(dice: &mut Dice, depth: usize) -> String {
    match dice.below(if depth == 0 { 5 } else { 7 }) {
        0 => "null".to_owned(),
        1 => dice.pick(&["true", "false"]),
        2 => number(dice),
        3 | 4 => dice.pick(&STRINGS),
        5 => {
            let items: Vec<_> = (0..dice.below(4)).map(|_| anything(dice, depth - 1)).collect();
            format!("[{}]", items.join(", "))
        }
        _ => {
            let names = ["id", "name", "tags", "a", "b", "flag", "nope"];
            let members: Vec<_> = (0..dice.below(4))
                .map(|_| format!("\"{}\":{}", dice.pick(&names), anything(dice, depth - 1)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

fn number(dice: &mut Dice) -> String {
    if dice.percent(50) { dice.pick(&INTEGERS) } else { dice.pick(&DECIMALS) }
}
