//! Pipelines and builds.

use contracts::pipelines::v1::{
    Build, BuildCounts, BuildState, CancelBuildRequest, CancelBuildResponse, CreateBuildRequest, CreateBuildResponse,
    Entry, GetBuildRequest, GetBuildResponse, GetPipelineRequest, GetPipelineResponse, ListBuildsRequest,
    ListBuildsResponse, ListPipelinesRequest, ListPipelinesResponse, Person, Pipeline, RebuildBuildRequest,
    RebuildBuildResponse, RebuiltFrom, ReportBuildStateRequest, ReportBuildStateResponse, Visibility,
    pipelines_service_server::PipelinesService,
};
use tonic::{Request, Response, Status};

use super::{Plan, Script, values::at};

#[async_trait::async_trait]
impl PipelinesService for Script {
    async fn list_pipelines(
        &self,
        request: Request<ListPipelinesRequest>,
    ) -> Result<Response<ListPipelinesResponse>, Status> {
        self.answer(request, |plan: &Plan| ListPipelinesResponse { pipelines: vec![pipeline()], total: plan.total })
            .await
    }

    async fn get_pipeline(
        &self,
        request: Request<GetPipelineRequest>,
    ) -> Result<Response<GetPipelineResponse>, Status> {
        self.answer(request, |_| GetPipelineResponse { pipeline: Some(pipeline()) }).await
    }

    async fn list_builds(&self, request: Request<ListBuildsRequest>) -> Result<Response<ListBuildsResponse>, Status> {
        self.answer(request, |plan: &Plan| {
            let pipelines = (plan.result != "homeless").then(pipeline).into_iter().collect();
            ListBuildsResponse { builds: vec![build(), build()], pipelines, total: plan.total }
        })
        .await
    }

    async fn get_build(&self, request: Request<GetBuildRequest>) -> Result<Response<GetBuildResponse>, Status> {
        self.answer(request, |_| GetBuildResponse { build: Some(build()), pipeline: Some(pipeline()) }).await
    }

    async fn create_build(
        &self,
        request: Request<CreateBuildRequest>,
    ) -> Result<Response<CreateBuildResponse>, Status> {
        self.answer(request, |_| CreateBuildResponse { build: Some(build()), pipeline: Some(pipeline()) }).await
    }

    async fn cancel_build(
        &self,
        request: Request<CancelBuildRequest>,
    ) -> Result<Response<CancelBuildResponse>, Status> {
        self.answer(request, |_| CancelBuildResponse { build: Some(build()), pipeline: Some(pipeline()) }).await
    }

    async fn rebuild_build(
        &self,
        request: Request<RebuildBuildRequest>,
    ) -> Result<Response<RebuildBuildResponse>, Status> {
        self.answer(request, |_| RebuildBuildResponse { build: Some(build()), pipeline: Some(pipeline()) }).await
    }

    async fn report_build_state(
        &self,
        request: Request<ReportBuildStateRequest>,
    ) -> Result<Response<ReportBuildStateResponse>, Status> {
        self.answer(request, |_| ReportBuildStateResponse { build: Some(build()), pipeline: Some(pipeline()) }).await
    }
}

fn ada() -> Person {
    Person { uuid: "u-1".into(), name: "Ada".into(), email: "ada@example.com".into() }
}

fn pipeline() -> Pipeline {
    Pipeline {
        uuid: "pl-1".into(),
        organization: "acme".into(),
        slug: "web".into(),
        name: "Web".into(),
        repository_url: "https://example.com/web.git".into(),
        default_branch: Some("main".into()),
        skip_intermediate_filter: Some("!main".into()),
        allow_rebuilds: true,
        configuration: Some("steps: []\r\n".into()),
        visibility: Visibility::Public.into(),
        created_at: Some(at(1)),
        created_by: Some(ada()),
        builds: Some(BuildCounts { scheduled: 2, running: 1 }),
        web_url: "https://portals.example/acme/web".into(),
        ..Pipeline::default()
    }
}

fn build() -> Build {
    let entry = |name: &str, value: &str| Entry { name: name.into(), value: value.into() };
    Build {
        uuid: "b-1".into(),
        pipeline_uuid: "pl-1".into(),
        number: 7,
        state: BuildState::NotRun.into(),
        branch: "main".into(),
        commit: "HEAD".into(),
        message: Some("Häuser\n".into()),
        env: vec![entry("Z", "1"), entry("A", "")],
        meta_data: vec![entry("k", "v")],
        created_by: Some(Person { uuid: String::new(), ..ada() }),
        created_at: Some(at(1)),
        scheduled_at: Some(at(2)),
        cancel_reason: Some("because".into()),
        rebuilt_from: Some(RebuiltFrom { uuid: "b-0".into(), number: 3 }),
        web_url: "https://portals.example/acme/web/builds/7".into(),
        ..Build::default()
    }
}
