//! Limits of a document (spec §3), checked on its syntax before anything expands it.

use std::collections::HashMap;

use apollo_compiler::{
    Node,
    ast::{Definition, DirectiveList, Document, FragmentDefinition, Selection},
    parser::{Parser, SourceSpan},
};

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
/// Nesting of brackets of any kind while parsing; beyond what [`MOST_DEPTH`] and values could need.
const MOST_NESTING: usize = 128;

/// Parses `text` within the limits, in time linear in its length.
pub(super) fn parse(text: &str) -> Result<Document, Vec<Finding>> {
    if text.len() > MOST_BYTES {
        return Err(vec![over("bytes", text.len(), MOST_BYTES)]);
    }
    let mut parser = Parser::new().token_limit(MOST_TOKENS).recursion_limit(MOST_NESTING);
    let parsed = parser.parse_ast(text, "query");
    if parser.tokens_reached() >= MOST_TOKENS {
        return Err(vec![Finding::whole(format!("The document has more than {MOST_TOKENS} tokens"))]);
    }
    if parser.recursion_reached() >= MOST_NESTING {
        return Err(vec![Finding::whole(format!("The document is nested deeper than {MOST_DEPTH} levels"))]);
    }
    let document = parsed
        .map_err(|faults| Finding::of(&faults.errors).into_iter().map(|(_, finding)| finding).collect::<Vec<_>>())?;
    let findings = Check::new(&document).run();
    if findings.is_empty() { Ok(document) } else { Err(findings) }
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
}

impl Extent {
    fn add(&mut self, other: Self) {
        self.depth = self.depth.max(other.depth);
        self.fields = self.fields.saturating_add(other.fields);
        self.roots = self.roots.saturating_add(other.roots);
    }
}

struct Check<'a> {
    document: &'a Document,
    fragments: HashMap<&'a str, &'a Node<FragmentDefinition>>,
    /// `None` while a fragment is being measured: to meet one then is a cycle.
    measured: HashMap<&'a str, Option<Extent>>,
    aliases: usize,
    findings: Vec<Finding>,
}

impl<'a> Check<'a> {
    fn new(document: &'a Document) -> Self {
        let fragments = document.definitions.iter().filter_map(Definition::as_fragment_definition);
        let fragments = fragments.map(|fragment| (fragment.name.as_str(), fragment)).collect();
        Self { document, fragments, measured: HashMap::new(), aliases: 0, findings: Vec::new() }
    }

    fn run(mut self) -> Vec<Finding> {
        if self.fragments.len() > MOST_FRAGMENTS {
            return vec![over("fragments", self.fragments.len(), MOST_FRAGMENTS)];
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
        self.findings
    }

    /// Looks at each selection as written, fragments not expanded.
    fn walk(&mut self, selections: &'a [Selection]) {
        for selection in selections {
            match selection {
                Selection::Field(field) => {
                    self.aliases += usize::from(field.alias.is_some());
                    self.directives(field.location(), &field.directives);
                    if matches!(field.name.as_str(), "__schema" | "__type") {
                        self.find(field.location(), &format!("A portal can't ask for `{}`", field.name));
                    }
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
                    Extent { depth: inner.depth + 1, fields: inner.fields.saturating_add(1), roots: 1 }
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
        let Some(fragment) = self.fragments.get(name).copied() else { return Extent::default() };
        self.measured.insert(name, None);
        let extent = self.measure(&fragment.selection_set);
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
