"""A collector of traces: prints its address, and then every span that it is sent as a line of JSON. Ends with its input.

With a directory (cert.pem, key.pem) and the certificate of an authority it speaks TLS, to those who show one of that authority's.
"""

import json
import pathlib
import sys
from concurrent import futures

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


def value(any_value):
    kind = any_value.WhichOneof("value")
    return getattr(any_value, kind) if kind in ("string_value", "bool_value", "int_value", "double_value") else str(any_value)


def attributes(pairs):
    return {pair.key: value(pair.value) for pair in pairs}


class Sink(trace_service_pb2_grpc.TraceServiceServicer):
    def Export(self, request, context):
        for resource_spans in request.resource_spans:
            resource = attributes(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    shown = {
                        "trace": span.trace_id.hex(),
                        "span": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(),
                        "state": span.trace_state,
                        "name": span.name,
                        "kind": span.kind,
                        "status": span.status.code,
                        "attributes": attributes(span.attributes),
                        "resource": resource,
                        # Whatever else there may be, for who looks for what mustn't be there.
                        "raw": str(span),
                    }
                    sys.stdout.write(json.dumps(shown) + "\n")
        sys.stdout.flush()
        return trace_service_pb2.ExportTraceServiceResponse()


server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Sink(), server)
if len(sys.argv) == 3:
    directory, authority = map(pathlib.Path, sys.argv[1:])
    own = tuple((directory / name).read_bytes() for name in ("key.pem", "cert.pem"))
    credentials = grpc.ssl_server_credentials([own], authority.read_bytes(), require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
else:
    port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"127.0.0.1:{port}", flush=True)
sys.stdin.read()
server.stop(0)
