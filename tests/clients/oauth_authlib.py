"""Obtains a token with ready-made OAuth 2.0 clients that know nothing but the URL, the client's id and its secret.

    oauth_authlib.py URL CLIENT_ID    (the secret on standard input)

Prints one JSON object: what each client got, by its name.
"""

import json
import os
import sys

# The clients insist on https elsewhere than here, on loopback.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.base_client import OAuthError  # noqa: E402
from authlib.integrations.requests_client import OAuth2Session  # noqa: E402
from oauthlib.oauth2 import BackendApplicationClient  # noqa: E402
from requests.auth import HTTPBasicAuth  # noqa: E402
from requests_oauthlib import OAuth2Session as RequestsOAuth2Session  # noqa: E402


def authlib(url, client_id, secret, method):
    session = OAuth2Session(client_id, secret, token_endpoint_auth_method=method)
    return session.fetch_token(url, grant_type="client_credentials")


def requests_oauthlib(url, client_id, secret):
    session = RequestsOAuth2Session(client=BackendApplicationClient(client_id=client_id))
    return session.fetch_token(url, auth=HTTPBasicAuth(client_id, secret))


def refusal(url, client_id, secret):
    try:
        authlib(url, client_id, secret, "client_secret_basic")
    except OAuthError as error:
        return error.error
    return None


def main():
    url, client_id = sys.argv[1:]
    secret = sys.stdin.read().strip()
    print(
        json.dumps(
            {
                "authlib client_secret_post": authlib(url, client_id, secret, "client_secret_post"),
                "authlib client_secret_basic": authlib(url, client_id, secret, "client_secret_basic"),
                "requests-oauthlib": requests_oauthlib(url, client_id, secret),
                "refusal": refusal(url, client_id, "nonsense"),
            }
        )
    )


if __name__ == "__main__":
    main()
