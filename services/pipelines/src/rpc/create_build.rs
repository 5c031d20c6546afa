use contracts::pipelines::v1::{CreateBuildRequest, CreateBuildResponse, Entry, Person};
use tonic::{Request, metadata::MetadataMap};

use super::{
    Parts,
    authority::{Authority, Found, WRITE_BUILDS},
};
use crate::{
    domain::build::{MetaDatum, Order},
    error::Error,
    store::Birth,
};

pub(super) async fn handle(
    service: &Parts,
    request: Request<CreateBuildRequest>,
    notes: &mut MetadataMap,
) -> Result<CreateBuildResponse, Error> {
    let caller = service.caller(&request);
    let CreateBuildRequest { organization, pipeline, commit, branch, message, author, env, meta_data } =
        request.into_inner();
    let place = (organization.as_str(), Error::NoPipeline);
    let Authority { viewer, organization } = service.authorize(&caller, WRITE_BUILDS, place, notes).await?;
    let order = Order {
        branch: Some(branch),
        commit: Some(commit),
        message,
        env: env.into_iter().map(variable).collect::<Result<_, _>>()?,
        meta_data: meta_data.into_iter().map(|Entry { name, value }| MetaDatum { key: name, value }).collect(),
        created_by: viewer.author(author.map(|Person { uuid: _, name, email }| (name, email))),
    };
    let mut order = order.check()?;
    let pipeline = service.pipeline(&organization, &pipeline).await?;
    let birth = Birth { by: order.created_by.take(), ..service.birth(&viewer) };
    let content = |pipeline: &_| order.content(pipeline);
    let made = service.server.store.create_build(&organization.scope(), pipeline.uuid, birth, content).await?;
    let (build, pipeline) = made;
    let (build, pipeline) = service.changed(&organization, Found { build, pipeline, origin: None }).await;
    Ok(CreateBuildResponse { build, pipeline })
}

fn variable(Entry { name, value }: Entry) -> Result<String, Error> {
    if name.contains('=') {
        return Err(Error::invalid("Env names can't contain an equals sign"));
    }
    Ok(format!("{name}={value}"))
}
