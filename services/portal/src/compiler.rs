//! Documents against the schema of their upstream: compiled when saved, and once for each version and schema when loaded.

use std::{fmt, sync::Arc};

use moka::sync::Cache;

use crate::{
    domain::{content::Content, details::Details, id::PortalId, portal::Portal, slug::Slug},
    error::Error,
    graphql::{Document, Finding, Kind},
    upstream::target::Target,
};

/// Bytes of text whose compiled form is kept.
const MOST_KEPT: u64 = 16 << 20;

/// How many warnings are shown of a portal.
const MOST_WARNINGS: usize = 50;

/// Why a stored document can't run.
pub(crate) type Unfit = Arc<[Finding]>;

/// A version of a portal's document, and the digest of the schema that it was held against.
type Key = (PortalId, u32, String);

/// The length of a document's text, and what became of it.
type Kept = (u32, Result<Arc<Document>, Unfit>);

/// Compiles documents.
#[derive(Clone)]
pub(crate) struct Compiler {
    kept: Cache<Key, Kept>,
}

impl fmt::Debug for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compiler")
    }
}

impl Compiler {
    /// One that knows nothing yet.
    pub(crate) fn new() -> Self {
        let weight = |_: &_, (bytes, _): &Kept| *bytes;
        Self { kept: Cache::builder().weigher(weight).max_capacity(MOST_KEPT).build() }
    }

    /// Checks everything about a portal that is to be saved; the error lists every fault.
    pub(crate) fn check(&self, details: &Details, target: &Target) -> Result<(Slug, Arc<Document>), Error> {
        match (details.check(), self.compile(&details.content.query, target)) {
            (Ok(slug), Ok(document)) => Ok((slug, Arc::new(document))),
            (Err(faults), Ok(_)) => Err(Error::Invalid(faults)),
            (faults, Err(findings)) => Err(Error::document(faults.err().unwrap_or_default(), &findings)),
        }
    }

    /// Checks a document that is to be saved. The error lists every finding.
    #[expect(clippy::unused_self, reason = "documents are compiled here and nowhere else")]
    pub(crate) fn compile(&self, query: &str, target: &Target) -> Result<Document, Vec<Finding>> {
        match target.schema() {
            Ok(schema) => Document::compile(query, schema, &|operation| target.prepare(operation)),
            Err(unknown) => Document::unchecked(query, unknown),
        }
    }

    /// The document of a stored portal.
    pub(crate) fn document(&self, portal: &Portal, target: &Target) -> Result<Arc<Document>, Unfit> {
        let query = &portal.content.query;
        let Ok(schema) = target.schema() else {
            return self.compile(query, target).map(Arc::new).map_err(Into::into);
        };
        let load = || Document::load(query, schema, &|operation| target.prepare(operation));
        let compile = || (weight(portal), load().map(Arc::new).map_err(Into::into));
        self.kept.get_with(key(portal, schema.digest()), compile).1
    }

    /// Keeps the document of a portal that was just written.
    pub(crate) fn keep(&self, portal: &Portal, target: &Target, document: Arc<Document>) {
        if let Ok(schema) = target.schema() {
            self.kept.insert(key(portal, schema.digest()), (weight(portal), Ok(document)));
        }
    }
}

fn key(portal: &Portal, schema: &str) -> Key {
    (portal.id, portal.version, schema.to_owned())
}

fn weight(portal: &Portal) -> u32 {
    // What a small document takes beside its text.
    const LEAST: usize = 1 << 10;
    u32::try_from(portal.content.query.len().max(LEAST)).unwrap_or(u32::MAX)
}

/// What is worth knowing about a portal: its document's warnings, and mutations that may be called from anywhere.
pub(crate) fn warnings(content: &Content, document: &Document) -> Vec<Finding> {
    let mut warnings = document.warnings().to_vec();
    if content.allowed_ip_addresses.as_ref().is_none_or(|list| list.trim().is_empty()) {
        let mutations = document.operations().iter().filter(|operation| operation.kind == Kind::Mutation);
        warnings.extend(mutations.map(|mutation| Finding {
            message: "This mutation can be called from any IP address: `allowed_ip_addresses` is not set".to_owned(),
            position: mutation.position,
        }));
    }
    if warnings.len() > MOST_WARNINGS {
        let more = warnings.len() - MOST_WARNINGS;
        warnings.truncate(MOST_WARNINGS);
        warnings.push(Finding::whole(format!("There are {more} more warnings")));
    }
    warnings
}
