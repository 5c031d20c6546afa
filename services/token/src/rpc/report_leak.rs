//! `ReportLeak`.

use contracts::token::v1::{ReportLeakRequest, ReportLeakResponse};
use kit::{
    audit,
    credential::{Kind, Plain},
};
use tonic::{Request, metadata::MetadataMap};
use zeroize::Zeroizing;

use crate::{
    Error, Service,
    authenticate::in_time,
    domain::{leak::Leak, secret::Secret, tag::Class, trail::Trail},
    store::SecretRemoval,
};

/// What became of what was reported: nothing is known of it, or it is over, by this call or before.
enum Found {
    Unknown,
    Over,
    Ended,
}

/// What is to be told of the end of it.
struct Report {
    leak: Leak,
    trail: Trail,
}

pub(super) async fn handle(
    service: &Service,
    request: Request<ReportLeakRequest>,
    _: &mut MetadataMap,
) -> Result<ReportLeakResponse, Error> {
    let caller = service.service(&request)?;
    let ReportLeakRequest { credential, source, url } = request.into_inner();
    let credential = Zeroizing::new(credential);
    let leak = Leak::of(&credential, &source, &url);
    let report = Report { leak, trail: Trail { actor: None, context: audit::context(&caller, None) } };
    let found = match Plain::parse(&credential) {
        Ok(plain) => service.end_leaked(plain, report).await?,
        Err(_no_credential) => Found::Unknown,
    };
    tracing::info!(request_id = caller.request_id(), revoked = matches!(found, Found::Ended), "leak reported");
    Ok(ReportLeakResponse { known: !matches!(found, Found::Unknown), revoked: matches!(found, Found::Ended) })
}

impl Service {
    async fn end_leaked(&self, plain: Plain, report: Report) -> Result<Found, Error> {
        match plain.kind() {
            Kind::Portal => self.end_leaked_portal_token(&plain, &report).await,
            Kind::Secret => self.end_leaked_secret(&plain, report).await,
            Kind::Api => self.end_leaked_api_token(&plain, &report).await,
            Kind::Session => self.end_leaked_session(&plain, &report).await,
            // Of use for five minutes, to who has the code too: over before a scanner has seen it.
            Kind::CodeSecret => Ok(Found::Unknown),
        }
    }

    async fn end_leaked_portal_token(&self, plain: &Plain, Report { leak, trail }: &Report) -> Result<Found, Error> {
        let tags = self.0.tagger.candidates(Class::Portal, plain);
        let Some(token) = in_time(self.0.store.find_portal_token(&tags)).await? else { return Ok(Found::Unknown) };
        let ended = self.0.store.end_leaked_portal_token(token.uuid, leak, self.0.ambient.now(), trail).await?;
        let Some(sequence) = ended else { return Ok(Found::Over) };
        self.announced(sequence, false).await;
        Ok(Found::Ended)
    }

    async fn end_leaked_secret(&self, plain: &Plain, report: Report) -> Result<Found, Error> {
        let Some(Secret { uuid: secret, organization, portal, .. }) = self.known_secret(plain).await? else {
            return Ok(Found::Unknown);
        };
        let removal = SecretRemoval { organization, portal, secret, keep_tokens: false, at: self.0.ambient.now() };
        let whole = self.clone();
        let remove = async move {
            let done = whole.0.store.delete_secret(removal, Some(&report.leak), &report.trail).await;
            whole.0.exchanges.forget(secret);
            done
        };
        match self.finish(remove).await {
            Ok(done) => {
                if let Some(sequence) = done.sequence {
                    self.announced(sequence, false).await;
                }
                Ok(Found::Ended)
            }
            // Somebody else was faster.
            Err(Error::NotFound(_)) => Ok(Found::Over),
            Err(error) => Err(error),
        }
    }

    async fn end_leaked_api_token(&self, plain: &Plain, Report { leak, trail }: &Report) -> Result<Found, Error> {
        let tags = self.0.tagger.candidates(Class::Api, plain);
        let Some(token) = in_time(self.0.store.find_api_token(&tags)).await? else { return Ok(Found::Unknown) };
        let now = self.0.ambient.now();
        if token.life.has_expired(now) {
            return Ok(Found::Over);
        }
        let ended = self.0.store.end_leaked_api_token(token.uuid, leak, now, trail).await?;
        Ok(if ended { Found::Ended } else { Found::Over })
    }

    async fn end_leaked_session(&self, plain: &Plain, Report { leak, trail }: &Report) -> Result<Found, Error> {
        let tags = self.0.tagger.candidates(Class::Session, plain);
        let Some(session) = in_time(self.0.store.find_session(&tags)).await? else { return Ok(Found::Unknown) };
        let event = trail.session_leaked(&session.user, session.uuid, leak);
        self.0.store.delete_session(session.uuid, event).await?;
        Ok(Found::Ended)
    }
}
