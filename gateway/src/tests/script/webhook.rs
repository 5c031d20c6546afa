//! Notification services and their deliveries.

use contracts::webhook::v1::{
    CreateNotificationServiceRequest, CreateNotificationServiceResponse, DeleteNotificationServiceRequest,
    DeleteNotificationServiceResponse, Delivery, DeliveryState, GetDeliveryRequest, GetDeliveryResponse,
    GetNotificationServiceRequest, GetNotificationServiceResponse, ListDeliveriesRequest, ListDeliveriesResponse,
    ListNotificationServicesRequest, ListNotificationServicesResponse, NotificationService, RedeliverDeliveryRequest,
    RedeliverDeliveryResponse, TestNotificationServiceRequest, TestNotificationServiceResponse, TokenMode,
    UpdateNotificationServiceRequest, UpdateNotificationServiceResponse, webhook_service_server::WebhookService,
};
use tonic::{Request, Response, Status};

use super::{
    Script,
    values::{at, user},
};

fn service() -> NotificationService {
    NotificationService {
        uuid: "0199f0de-0000-7000-8000-00000000000a".into(),
        description: "Chat".into(),
        enabled: true,
        pipeline_uuids: Vec::new(),
        branch_configuration: Some("main".into()),
        build_states: vec!["passed".into(), "failed".into()],
        url: "https://hooks.example/".into(),
        token: "hush-0123456789abcdef".into(),
        token_mode: TokenMode::Signature.into(),
        events: vec!["build.finished".into()],
        created_at: Some(at(1)),
        updated_at: Some(at(2)),
        created_by: Some(user()),
    }
}

fn delivery() -> Delivery {
    Delivery {
        uuid: "0199f0de-0000-7000-8000-00000000000b".into(),
        event_uuid: "0199f0de-0000-7000-8000-00000000000c".into(),
        event: "portal.created".into(),
        state: DeliveryState::Pending.into(),
        attempts: 2,
        created_at: Some(at(1)),
        next_attempt_at: Some(at(3)),
        last_attempt_at: Some(at(2)),
        response_status: 500,
        duration_ms: 12,
        response_excerpt: "sorry".into(),
        fault: "The receiver answered 500 Internal Server Error".into(),
        payload_json: br#"{"event":"portal.created","n":12345678901234567890123}"#.into(),
    }
}

#[async_trait::async_trait]
impl WebhookService for Script {
    async fn create_notification_service(
        &self,
        request: Request<CreateNotificationServiceRequest>,
    ) -> Result<Response<CreateNotificationServiceResponse>, Status> {
        let reply = CreateNotificationServiceResponse { notification_service: Some(service()) };
        self.answer(request, |_| reply).await
    }

    async fn get_notification_service(
        &self,
        request: Request<GetNotificationServiceRequest>,
    ) -> Result<Response<GetNotificationServiceResponse>, Status> {
        // As for a caller who couldn't replace the token.
        let shown = NotificationService { token: String::new(), pipeline_uuids: vec!["p-1".into()], ..service() };
        self.answer(request, |_| GetNotificationServiceResponse { notification_service: Some(shown) }).await
    }

    async fn list_notification_services(
        &self,
        request: Request<ListNotificationServicesRequest>,
    ) -> Result<Response<ListNotificationServicesResponse>, Status> {
        self.answer(request, |plan| ListNotificationServicesResponse {
            notification_services: vec![service()],
            has_previous: false,
            has_next: plan.total > 1,
        })
        .await
    }

    async fn update_notification_service(
        &self,
        request: Request<UpdateNotificationServiceRequest>,
    ) -> Result<Response<UpdateNotificationServiceResponse>, Status> {
        let reply = UpdateNotificationServiceResponse { notification_service: Some(service()) };
        self.answer(request, |_| reply).await
    }

    async fn delete_notification_service(
        &self,
        request: Request<DeleteNotificationServiceRequest>,
    ) -> Result<Response<DeleteNotificationServiceResponse>, Status> {
        self.answer(request, |_| DeleteNotificationServiceResponse {}).await
    }

    async fn test_notification_service(
        &self,
        request: Request<TestNotificationServiceRequest>,
    ) -> Result<Response<TestNotificationServiceResponse>, Status> {
        self.answer(request, |_| TestNotificationServiceResponse { delivery: Some(delivery()) }).await
    }

    async fn list_deliveries(
        &self,
        request: Request<ListDeliveriesRequest>,
    ) -> Result<Response<ListDeliveriesResponse>, Status> {
        let untried = Delivery {
            last_attempt_at: None,
            response_status: 0,
            duration_ms: 0,
            response_excerpt: String::new(),
            fault: String::new(),
            payload_json: Vec::new(),
            ..delivery()
        };
        self.answer(request, |_| ListDeliveriesResponse {
            deliveries: vec![untried],
            has_previous: true,
            has_next: true,
        })
        .await
    }

    async fn get_delivery(
        &self,
        request: Request<GetDeliveryRequest>,
    ) -> Result<Response<GetDeliveryResponse>, Status> {
        self.answer(request, |_| GetDeliveryResponse { delivery: Some(delivery()) }).await
    }

    async fn redeliver_delivery(
        &self,
        request: Request<RedeliverDeliveryRequest>,
    ) -> Result<Response<RedeliverDeliveryResponse>, Status> {
        self.answer(request, |_| RedeliverDeliveryResponse { delivery: Some(delivery()) }).await
    }
}
