"""Reads and makes what it can with pybuildkite, a client of the original that knows nothing of us but the address.

    pybuildkite_builds.py URL ORGANIZATION PIPELINE    (the API access token on standard input)

Prints one JSON object: what each call gave, by its name.
"""

import datetime
import json
import sys

import requests
from pybuildkite.buildkite import Buildkite, BuildState

url, organization, pipeline = sys.argv[1:]
client = Buildkite(per_page=2)
client.base_url = url + "/v2/"
client.set_access_token(sys.stdin.read().strip())
builds = client.builds()

made = [
    builds.create_build(
        organization,
        pipeline,
        "HEAD",
        branch,
        clean_checkout=True,
        message="Made by pybuildkite",
        env={"A": "1"},
        meta_data={"some-key": branch, "flag": True},
    )
    for branch in ["main", "feature/a", "main"]
]
number = made[0]["number"]
got = {
    "user": client.users().get_current_user(),
    "access_token": client.access_tokens().get_token(),
    "organizations": client.organizations().list_all(),
    "organization": client.organizations().get_org(organization),
    "pipelines": client.pipelines().list_pipelines(organization),
    "pipeline": client.pipelines().get_pipeline(organization, pipeline),
    "made": made,
    "build": builds.get_build_by_number(organization, pipeline, number),
}

# Every list follows the pages to the end.
pages, page = [], builds.list_all_for_pipeline(organization, pipeline, with_pagination=True)
while True:
    pages.append([build["number"] for build in page.body])
    if not page.next_page:
        break
    page = builds.list_all_for_pipeline(organization, pipeline, page=page.next_page, with_pagination=True)
got["pages"] = pages
got["everywhere"] = [build["number"] for build in builds.list_all()]
got["of_organization"] = [build["number"] for build in builds.list_all_for_org(organization)]

canceled = builds.cancel_build(organization, pipeline, number)
got["canceled"] = canceled["state"]
rebuilt = builds.rebuild_build(organization, pipeline, number)
got["rebuilt_from"] = rebuilt["rebuilt_from"]

hour = datetime.timedelta(hours=1)
now = datetime.datetime.now(datetime.timezone.utc)
filters = {
    "one state": {"states": [BuildState.CANCELED]},
    "states": {"states": [BuildState.SCHEDULED, BuildState.RUNNING]},
    "finished": {"states": [BuildState.FINISHED]},
    "branch": {"branch": "feature/a"},
    "branches": {"branch": ["feature/a", "other"]},
    "commit": {"commit": "HEAD"},
    "meta-data": {"meta_data": {"some-key": "feature/a"}},
    "creator": {"creator": got["user"]["id"]},
    "since": {"created_from": now - hour},
    "since then": {"created_from": now + hour},
    "until": {"created_to": (now + hour).replace(tzinfo=None)},
    "today": {"finished_from": now.date()},
}
got["filtered"] = {
    name: sorted(build["number"] for build in builds.list_all_for_pipeline(organization, pipeline, **filter))
    for name, filter in filters.items()
}

try:
    builds.get_build_by_number(organization, pipeline, 9999)
except requests.HTTPError as error:
    got["unknown"] = error.response.status_code
print(json.dumps(got))
