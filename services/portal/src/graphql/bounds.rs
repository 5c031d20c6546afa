//! Limits of a document (spec §3), checked on its syntax before anything expands it.

use std::collections::HashMap;

use apollo_compiler::{
    Node,
    ast::{Definition, DirectiveList, Document, FragmentDefinition, Selection},
    parser::{Parser, SourceSpan},
};
use apollo_parser::{Lexer, TokenKind};

use super::finding::Finding;

const MOST_BYTES: usize = 64 << 10;
const MOST_TOKENS: usize = 10_000;
const MOST_DEPTH: usize = 15;
const MOST_ALIASES: usize = 100;
const MOST_ROOT_FIELDS: usize = 30;
const MOST_FRAGMENTS: usize = 50;
const MOST_DIRECTIVES: usize = 5;
/// Fields once fragments are expanded: spreads of spreads double with each level while the text grows by a line.
const MOST_FIELDS: usize = 10_000;
/// Bytes of all operations, each with the fragments that it reaches: each is checked, kept and sent with its own.
const MOST_EXPANDED: usize = 4 * MOST_BYTES;
/// Tokens times what one name of the schema stands for at most, all of which a mention of it may cost a look at.
const MOST_LOOKUPS: usize = 10_000_000;
/// Nesting of brackets of any kind while parsing; beyond what [`MOST_DEPTH`] and values could need.
const MOST_NESTING: usize = 128;

/// Parses `text` within the limits, in time linear in its length. `breadth`: the schema's, 0 where none is known.
pub(super) fn parse(text: &str, breadth: usize) -> Result<Document, Vec<Finding>> {
    if text.len() > MOST_BYTES {
        return Err(vec![over("bytes", text.len(), MOST_BYTES)]);
    }
    let tokens = tokens(text);
    if tokens > MOST_TOKENS {
        return Err(vec![Finding::whole(format!("The document has more than {MOST_TOKENS} tokens"))]);
    }
    if !is_checked(tokens, breadth) {
        let most = MOST_LOOKUPS / breadth.max(1);
        let why = format!("at most {most} are allowed with a schema in which something has {breadth} alternatives");
        return Err(vec![Finding::whole(format!("The document has {tokens} tokens; {why}"))]);
    }
    // The parser's own count of tokens has spaces, commas and comments in it, which are none to GraphQL.
    let mut parser = Parser::new().token_limit(MOST_BYTES + 2).recursion_limit(MOST_NESTING);
    let parsed = parser.parse_ast(text, "query");
    if parser.recursion_reached() >= MOST_NESTING {
        return Err(vec![Finding::whole(format!("The document is nested deeper than {MOST_DEPTH} levels"))]);
    }
    let document =
        parsed.map_err(|faults| Finding::of(&faults.errors).map(|(_, finding)| finding).collect::<Vec<_>>())?;
    let findings = Check::new(&document).run();
    if findings.is_empty() { Ok(document) } else { Err(findings) }
}

/// How many tokens there are (GraphQL specification §2.1.6), up to the first that is one too many.
fn tokens(text: &str) -> usize {
    let tokens = Lexer::new(text).filter(|token| token.as_ref().is_ok_and(|token| !is_ignored(token.kind())));
    tokens.take(MOST_TOKENS + 1).count()
}

/// Whether that is nothing to GraphQL.
pub(super) fn is_ignored(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Whitespace | TokenKind::Comment | TokenKind::Comma | TokenKind::Eof)
}

/// Whether so many names are looked up in a schema of that `breadth`.
pub(super) fn is_checked(names: usize, breadth: usize) -> bool {
    names.saturating_mul(breadth) <= MOST_LOOKUPS
}

fn length(of: Option<SourceSpan>) -> usize {
    of.map_or(0, |span| span.node_len())
}

fn over(what: &str, count: usize, most: usize) -> Finding {
    Finding::whole(format!("The document has {count} {what}; at most {most} are allowed"))
}

/// How far a selection set reaches once fragments are expanded.
#[derive(Clone, Copy, Default)]
struct Extent {
    depth: usize,
    fields: usize,
    roots: usize,
    /// The fragments that it reaches: a bit for each.
    fragments: u64,
}

// A bit for each fragment.
const _: () = assert!(MOST_FRAGMENTS <= 64);

impl Extent {
    fn add(&mut self, other: Self) {
        self.fragments |= other.fragments;
        self.depth = self.depth.max(other.depth);
        self.fields = self.fields.saturating_add(other.fields);
        self.roots = self.roots.saturating_add(other.roots);
    }
}

struct Check<'a> {
    document: &'a Document,
    /// Each with its bit.
    fragments: HashMap<&'a str, (u64, &'a Node<FragmentDefinition>)>,
    /// `None` while a fragment is being measured: to meet one then is a cycle.
    measured: HashMap<&'a str, Option<Extent>>,
    aliases: usize,
    /// Bytes of the operations so far, each with its fragments.
    expanded: usize,
    findings: Vec<Finding>,
}

impl<'a> Check<'a> {
    fn new(document: &'a Document) -> Self {
        let bits = (0..u64::BITS).map(|number| 1 << number);
        let fragments = document.definitions.iter().filter_map(Definition::as_fragment_definition).zip(bits);
        let fragments = fragments.map(|(fragment, bit)| (fragment.name.as_str(), (bit, fragment))).collect();
        Self { document, fragments, measured: HashMap::new(), aliases: 0, expanded: 0, findings: Vec::new() }
    }

    fn run(mut self) -> Vec<Finding> {
        let fragments = self.document.definitions.iter().filter_map(Definition::as_fragment_definition).count();
        if fragments > MOST_FRAGMENTS {
            return vec![over("fragments", fragments, MOST_FRAGMENTS)];
        }
        for definition in &self.document.definitions {
            self.directives(definition.location(), definition.directives());
            match definition {
                Definition::OperationDefinition(operation) => {
                    for variable in &operation.variables {
                        self.directives(variable.location(), &variable.directives);
                    }
                    self.walk(&operation.selection_set);
                    let extent = self.measure(&operation.selection_set);
                    self.judge(operation.location(), extent);
                    self.expanded += length(operation.location()) + self.length_of(extent.fragments);
                }
                Definition::FragmentDefinition(fragment) => {
                    self.walk(&fragment.selection_set);
                    self.spread(&fragment.name, fragment.location());
                }
                other => self.find(other.location(), "Only operations and fragments can be stored"),
            }
        }
        if self.aliases > MOST_ALIASES {
            self.findings.push(over("aliases", self.aliases, MOST_ALIASES));
        }
        if self.expanded > MOST_EXPANDED {
            self.findings.push(over("bytes once each operation has its fragments", self.expanded, MOST_EXPANDED));
        }
        self.findings
    }

    /// Bytes of the fragments that have these bits.
    fn length_of(&self, fragments: u64) -> usize {
        let reached = self.fragments.values().filter(|(bit, _)| fragments & bit != 0);
        reached.map(|(_, fragment)| length(fragment.location())).sum()
    }

    /// Looks at each selection as written, fragments not expanded.
    fn walk(&mut self, selections: &'a [Selection]) {
        for selection in selections {
            match selection {
                Selection::Field(field) => {
                    self.aliases += usize::from(field.alias.is_some());
                    self.directives(field.location(), &field.directives);
                    self.walk(&field.selection_set);
                }
                Selection::FragmentSpread(spread) => self.directives(spread.location(), &spread.directives),
                Selection::InlineFragment(inline) => {
                    self.directives(inline.location(), &inline.directives);
                    self.walk(&inline.selection_set);
                }
            }
        }
    }

    fn measure(&mut self, selections: &'a [Selection]) -> Extent {
        let mut extent = Extent::default();
        for selection in selections {
            extent.add(match selection {
                Selection::Field(field) => {
                    let inner = self.measure(&field.selection_set);
                    Extent { depth: inner.depth + 1, fields: inner.fields.saturating_add(1), roots: 1, ..inner }
                }
                Selection::FragmentSpread(spread) => self.spread(&spread.fragment_name, spread.location()),
                Selection::InlineFragment(inline) => self.measure(&inline.selection_set),
            });
        }
        extent
    }

    fn spread(&mut self, name: &'a str, at: Option<SourceSpan>) -> Extent {
        match self.measured.get(name) {
            Some(Some(extent)) => return *extent,
            Some(None) => {
                self.find(at, &format!("Fragment `{name}` spreads itself"));
                return Extent::default();
            }
            None => {}
        }
        // A fragment that doesn't exist is validation's to report.
        let Some((bit, fragment)) = self.fragments.get(name).copied() else { return Extent::default() };
        self.measured.insert(name, None);
        let mut extent = self.measure(&fragment.selection_set);
        extent.fragments |= bit;
        self.measured.insert(name, Some(extent));
        extent
    }

    fn judge(&mut self, at: Option<SourceSpan>, extent: Extent) {
        let limits = [
            ("levels of fields", extent.depth, MOST_DEPTH),
            ("root fields", extent.roots, MOST_ROOT_FIELDS),
            ("fields", extent.fields, MOST_FIELDS),
        ];
        for (what, count, most) in limits.into_iter().filter(|(_, count, most)| count > most) {
            self.find(at, &format!("The operation has {count} {what}; at most {most} are allowed"));
        }
    }

    fn directives(&mut self, at: Option<SourceSpan>, directives: &DirectiveList) {
        if directives.len() > MOST_DIRECTIVES {
            self.find(
                at,
                &format!("There are {} directives here; at most {MOST_DIRECTIVES} are allowed", directives.len()),
            );
        }
    }

    fn find(&mut self, at: Option<SourceSpan>, message: &str) {
        self.findings.push(Finding::at(at, &self.document.sources, message));
    }
}
