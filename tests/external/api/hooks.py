"""What holds of requests and cannot be said in OpenAPI, and ids of what there is: a request that is meant to be right is made so before it is
sent. One that is meant to be wrong stays as it is, unless it would end the run: whoever asks does not end themselves."""

import itertools
import json
import os
import re

import schemathesis

IDS = json.loads(os.environ["KEYGATE_IDS"])
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
TO_COME = "2100-01-01T00:00:00Z"
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")

# Of the keys, some are there to be revoked, which cannot be undone.
SECRET, PUBLISHABLE, MORTAL, OPERATORS = (itertools.cycle(IDS[name]) for name in ["secret", "publishable", "mortal", "operators"])
TURNS = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    right = case.meta is None or case.meta.generation.mode.is_positive
    given = (case.path_parameters or {}).get("id")
    # A quarter keeps what was made up, or met on the way; but which fields can be changed depends on the kind of the key.
    replaced = case.operation.method.upper() == "PATCH" or next(TURNS) % 4
    if given is not None and (given in IDS["spared"] or right and ID.fullmatch(str(given)) and replaced):
        case.path_parameters["id"] = one_of_those_that_there_are(case)
    if not right:
        return
    # What is sent where no value was found for the pattern of an optional field.
    if case.headers.get("If-Match") == "":
        del case.headers["If-Match"]
    # Of parameters, one cannot be said to exclude another.
    if case.query and "by" in case.query:
        case.query.pop("after", None)
    if "Idempotency-Key" in case.headers:
        # Whatever was sent under the same name before was another request.
        case.headers["Idempotency-Key"] = f"{case.headers['Idempotency-Key'][:200]}-{next(TURNS)}"
    if isinstance(case.body, dict):
        amend(case)


def one_of_those_that_there_are(case):
    path = case.operation.path
    if "operators" in path:
        return next(OPERATORS)
    if path.endswith("/revoke"):
        return next(MORTAL)
    is_for_publishable = isinstance(case.body, dict) and "missing_origin" in case.body
    return next(PUBLISHABLE if is_for_publishable else SECRET)


def amend(case):
    body, method = case.body, case.operation.method.upper()
    # A moment is to come, which a schema cannot ask for.
    if isinstance(body.get("expires_at"), str) and MOMENT.fullmatch(body["expires_at"]):
        body["expires_at"] = TO_COME
    # Whether there is such an application, and whether a key still has what its kind needs, neither.
    if method == "POST" and case.operation.path == "/v1/keys":
        body["app"] = "demo"
    if method == "PATCH" and "missing_origin" in body:
        body["missing_origin"] = "allow"
    # Nor whether a key has had a burst, which means nothing to a rate that is turned off; and the like of connections.
    if method == "PATCH" and isinstance(body.get("limits"), dict):
        limits = body["limits"]
        if limits.get("rate", "") in ("off", None):
            limits["rate"] = "5/s"
        if limits.get("connections", "off") == "off":
            limits["connections"] = 5
