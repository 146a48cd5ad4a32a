"""PyBit's messages as its programs wrote them, made without any of our code."""

import json


def build_request(package="col10642", version="1.2", job=36, dist="cnx", arch="desktop",
                  suite="latex", format="pdf", uri="http://cnx.org/", method="", vcs_id="",
                  build_env=None, master=True, web_host="localhost:8080", generation="c",
                  commands=""):
    """The bytes of a BuildRequest, generation a, b or c, members in Python 2.7's order."""
    def part(kind, /, **members):
        return {"py/object": "pybit.models." + kind, **members}

    instance = part("PackageInstance",
                    format=part("Format", id=5, name=format),
                    package=part("Package", version=version, id=2, name=package))
    ends = {"master": master, "suite": part("Suite", id=3, name=suite),
            "distribution": part("Dist", id=2, name=dist),
            "arch": part("Arch", id=9, name=arch)}
    if generation == "c":
        environment = part("BuildEnv", id=1, name=build_env) if build_env else None
        instance.update({"id": 1, **ends, "build_env": environment})
    else:
        instance.update({**ends, "id": 1})
    request = part("BuildRequest")
    if generation == "a":
        request["commands"] = commands
    request.update({
        "timestamp": None,
        "job": part("Job", packageinstance=instance, id=job, buildclient=None),
        "transport": part("Transport", uri=uri, id=None, vcs_id=vcs_id, method=method),
        "web_host": web_host,
    })
    return json.dumps(request).encode("ascii")


def cancel_request(job=36, client="build_client_saw-horse"):
    """The bytes of a CancelRequest, as the server sends it to a client's command queue."""
    request = json.loads(build_request(job=job))["job"]
    request["buildclient"] = {"py/object": "pybit.models.BuildD", "id": 7, "name": client}
    return json.dumps({"py/object": "pybit.models.CancelRequest", "job": request,
                       "web_host": "localhost:8080"}).encode("ascii")


# Every kind of message that is no job: its body and a word its reason must hold.
BAD_MESSAGES = {
    "empty": b"",
    "not_json": b"this is not JSON",
    "half": build_request()[:-20],
    "not_utf8": b'{"job": "\xff\xfe"}',
    "two_of_a_name": build_request().replace(b'"timestamp": null', b'"job": null', 1),
    "nested_10000": b"[" * 10000 + b"]" * 10000,
    "five_megabytes": b'{"x": "' + b"x" * (5 << 20) + b'"}',
    "no_object": b"[1, 2, 3]",
    "no_request": b"{}",
    "cancel": cancel_request(),
    "py_repr": build_request().replace(b'"timestamp": null',
                                       b'"timestamp": {"py/repr": "os/os.getcwd()"}'),
    "py_reduce": build_request().replace(
        b'"timestamp": null',
        b'"timestamp": {"py/reduce": [{"py/type": "os.system"}, {"py/tuple": ["touch pwned"]}]}'),
    "other_class": build_request().replace(b"pybit.models.Transport", b"subprocess.Popen"),
    "no_package": build_request().replace(b'"name": "col10642"', b'"name": null'),
    "path_in_name": build_request(package="../../etc/passwd"),
    "option_in_uri": build_request(uri="--upload-pack=touch pwned"),
    "job_id": build_request(job="36; touch pwned"),
    "nul": build_request(vcs_id="a\0b"),
}
