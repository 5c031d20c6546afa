"""Invokes a portal over gRPC, knowing nothing of it but its address: every type comes from server reflection.

    invoke_portal.py HOST:PORT ORGANIZATION PORTAL TOKEN VARIABLES_JSON

Prints one JSON object: what ran, or the status with the reason of its google.rpc.ErrorInfo.
"""

import json
import sys

import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

SERVICE = "portals.execution.v1.ExecutionService"
METHOD = "ExecutePortal"
DEADLINE_SECONDS = 30

STATUS_DETAILS = "grpc-status-details-bin"


def error_types():
    """google.rpc.Status and ErrorInfo, as far as they are read here: they are Google's, so reflection doesn't show them."""
    file = descriptor_pb2.FileDescriptorProto(
        name="errors.proto", package="google.rpc", syntax="proto3", dependency=["google/protobuf/any.proto"]
    )
    field = descriptor_pb2.FieldDescriptorProto
    status = file.message_type.add(name="Status")
    status.field.add(name="code", number=1, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    status.field.add(name="message", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    status.field.add(
        name="details",
        number=3,
        type=field.TYPE_MESSAGE,
        type_name=".google.protobuf.Any",
        label=field.LABEL_REPEATED,
    )
    info = file.message_type.add(name="ErrorInfo")
    info.field.add(name="reason", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    info.field.add(name="domain", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    any_file = descriptor_pb2.FileDescriptorProto()
    any_pb2.DESCRIPTOR.CopyToProto(any_file)
    pool.Add(any_file)
    pool.Add(file)
    names = ("google.rpc.Status", "google.rpc.ErrorInfo")
    return [message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in names]


def error_info(error):
    """Reason and domain of the ErrorInfo that came with an error."""
    status_type, info_type = error_types()
    trailers = dict(error.trailing_metadata() or ())
    status = status_type.FromString(trailers.get(STATUS_DETAILS, b""))
    for detail in status.details:
        if detail.type_url.endswith("/google.rpc.ErrorInfo"):
            info = info_type.FromString(detail.value)
            return {"reason": info.reason, "domain": info.domain}
    return {}


def main():
    address, organization, portal, token, variables = sys.argv[1:]
    with grpc.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service=SERVICE), timeout=DEADLINE_SECONDS
        )
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = descriptor_pool.DescriptorPool(database)
        method = pool.FindServiceByName(SERVICE).FindMethodByName(METHOD)
        request_type = message_factory.GetMessageClass(method.input_type)
        response_type = message_factory.GetMessageClass(method.output_type)
        call = channel.unary_unary(
            f"/{SERVICE}/{METHOD}",
            request_serializer=request_type.SerializeToString,
            response_deserializer=response_type.FromString,
        )
        request = request_type(organization=organization, portal=portal, variables_json=variables.encode())
        try:
            answer = call(request, metadata=[("authorization", f"Bearer {token}")], timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            print(json.dumps({"status": error.code().name, "message": error.details(), **error_info(error)}))
            return
        print(
            json.dumps(
                {
                    "services": list(database.get_services()),
                    "health": health_pb2.HealthCheckResponse.ServingStatus.Name(health.status),
                    "result": json.loads(answer.result_json),
                    "ignored_variables": list(answer.ignored_variables),
                }
            )
        )


if __name__ == "__main__":
    main()
