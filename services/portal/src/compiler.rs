//! Documents against the schema of their upstream: compiled when saved, and once for each version when loaded.

use std::{fmt, sync::Arc};

use moka::sync::Cache;

use crate::{
    domain::{details::Details, id::PortalId, portal::Portal, slug::Slug},
    error::Error,
    graphql::{BadSchema, Document, Embedded, Finding, Kind, Schema},
};

/// Bytes of text whose compiled form is kept.
const MOST_KEPT: u64 = 16 << 20;

/// How many warnings are shown of a portal.
const MOST_WARNINGS: usize = 50;

/// Why a stored document can't run.
pub(crate) type Unfit = Arc<[Finding]>;

/// The length of a document's text, and what became of it.
type Kept = (u32, Result<Arc<Document>, Unfit>);

/// Compiles documents.
#[derive(Clone)]
pub(crate) struct Compiler {
    schema: Schema,
    upstream: Arc<dyn Embedded>,
    kept: Cache<(PortalId, u32), Kept>,
}

impl fmt::Debug for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compiler")
    }
}

impl Compiler {
    /// Against the schema of `upstream`.
    pub(crate) fn new(upstream: Arc<dyn Embedded>) -> Result<Self, BadSchema> {
        let schema = Schema::parse(&upstream.sdl())?;
        let weight = |_: &_, (bytes, _): &Kept| *bytes;
        Ok(Self { schema, upstream, kept: Cache::builder().weigher(weight).max_capacity(MOST_KEPT).build() })
    }

    /// The schema that documents are checked against.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// What runs the documents.
    pub(crate) fn upstream(&self) -> &dyn Embedded {
        self.upstream.as_ref()
    }

    /// Checks everything about a portal that is to be saved; the error lists every fault.
    pub(crate) fn check(&self, details: &Details) -> Result<(Slug, Arc<Document>), Error> {
        let compiled = Document::compile(&details.query, &self.schema, self.upstream());
        match (details.check(), compiled) {
            (Ok(slug), Ok(document)) => Ok((slug, Arc::new(document))),
            (Err(faults), Ok(_)) => Err(Error::Invalid(faults)),
            (faults, Err(findings)) => Err(Error::document(faults.err().unwrap_or_default(), &findings)),
        }
    }

    /// The document of a stored portal.
    pub(crate) fn document(&self, portal: &Portal) -> Result<Arc<Document>, Unfit> {
        let compile =
            || Document::compile(&portal.query, &self.schema, self.upstream()).map(Arc::new).map_err(Into::into);
        self.kept.get_with((portal.id, portal.version), || (weight(portal), compile())).1
    }

    /// Keeps the document of a portal that was just written.
    pub(crate) fn keep(&self, portal: &Portal, document: Arc<Document>) {
        self.kept.insert((portal.id, portal.version), (weight(portal), Ok(document)));
    }
}

fn weight(portal: &Portal) -> u32 {
    // What a small document takes beside its text.
    const LEAST: usize = 1 << 10;
    u32::try_from(portal.query.len().max(LEAST)).unwrap_or(u32::MAX)
}

/// What is worth knowing about a portal: its document's warnings, and mutations that may be called from anywhere.
pub(crate) fn warnings(portal: &Portal, document: &Document) -> Vec<Finding> {
    let mut warnings = document.warnings().to_vec();
    if portal.allowed_ip_addresses.as_ref().is_none_or(|list| list.trim().is_empty()) {
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
