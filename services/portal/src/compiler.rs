//! Documents against the schema of their upstream: compiled when saved, and once for each version when loaded.

use std::{fmt, sync::Arc};

use moka::sync::Cache;

use crate::{
    domain::{details::Details, id::PortalId, portal::Portal, slug::Slug},
    error::Error,
    graphql::{BadSchema, Document, Embedded, Finding, Kind, Schema},
};

const MOST_KEPT: u64 = 10_000;

/// Why a stored document can't run.
pub(crate) type Unfit = Arc<[Finding]>;

/// Compiles documents.
#[derive(Clone)]
pub(crate) struct Compiler {
    schema: Schema,
    upstream: Arc<dyn Embedded>,
    kept: Cache<(PortalId, u32), Result<Arc<Document>, Unfit>>,
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
        Ok(Self { schema, upstream, kept: Cache::new(MOST_KEPT) })
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
        self.kept.get_with((portal.id, portal.version), || {
            Document::compile(&portal.query, &self.schema, self.upstream()).map(Arc::new).map_err(Into::into)
        })
    }
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
    warnings
}
