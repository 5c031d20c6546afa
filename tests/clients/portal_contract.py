"""Calls a portal through the package that openapi-python-client made of the portal's own description.

    portal_contract.py URL PIPELINE_ID    (the portal token on standard input; the package `portal_client` stands beside this)

Prints one JSON object: what typed data held.
"""

import json
import sys

from portal_client.api.default import typed_trigger
from portal_client.client import AuthenticatedClient
from portal_client.models import BuildCreateInput, BuildMetaDataInput, TriggerVariables, TypedTriggerOperationName

url, pipeline = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=sys.stdin.read().strip())


def call(pipeline_id):
    meta_data = [BuildMetaDataInput(key="from", value="a generated client")]
    build = BuildCreateInput(pipeline_id=pipeline_id, branch="main", commit="HEAD", message="Typed", meta_data=meta_data)
    return typed_trigger.sync_detailed(
        client=client, body=TriggerVariables(input_=build), operation_name=TypedTriggerOperationName.TRIGGER
    )


answer = call(pipeline).parsed
build = answer.data.build_create.build
refused = call([])
print(
    json.dumps(
        {
            "number": build.number,
            "state": build.state.value,
            "refused": refused.status_code.value,
            "fields": [entry.field for entry in refused.parsed.errors],
        }
    )
)
