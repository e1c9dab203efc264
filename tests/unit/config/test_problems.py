"""Every rule: what is said, and where. The place is part of each promise."""

from __future__ import annotations

import re

import pytest

from .support import AWS, HASH, problems, told

NODES = """\
    general: {instance: m5.large, min_nodes: 1, max_nodes: 1}
    user: {instance: m5.large, min_nodes: 0, max_nodes: 5}
"""
PROFILE = """\
profiles:
  jupyterlab:
    - display_name: Small
      kubespawner_override: {cpu_limit: 1, mem_limit: 2G}
"""

# What the file says; each line `LINE:COLUMN` and a part of the message or hint that is expected.
CASES: dict[str, tuple[str, list[str]]] = {
    "misspelt key at the top": (
        "profilse: {}",
        ["1:1 `profilse` is not a setting here; did you mean `profiles`?"],
    ),
    "misspelt key deep down": (
        "jupyterlab:\n  idle_culler:\n    kernel_cull_intervall: 5",
        ["3:5 `kernel_cull_intervall` .*did you mean `kernel_cull_interval`?"],
    ),
    "misspelt key in a list": (
        PROFILE + "      descripton: x",
        ["5:7 `descripton` .*did you mean `description`?"],
    ),
    "misspelt key in a map of names": (
        AWS + "  node_groups:\n" + NODES + "    worker: {instnce: m5.large}",
        ["8:14 `instnce` .*did you mean `instance`?"],
    ),
    "the allowed keys are listed, without those that are there": (
        "monitoring: {enabled: true, x: 1}\nkubessh: {prt: 1}",
        ["1:29 `x` .* | None", "2:11 `prt` .*`port`.*allowed here: enabled, port"],
    ),
    "an own Jitsi server beside another": (
        "jitsi:\n  server: https://meet.example.org\n  media: {port: 10000}",
        ["3:3 `media` belongs to a Jitsi server of its own"],
    ),
    "the hub's name for a Jitsi server": (
        "domain: hub.example.org\njitsi: {domain: hub.example.org}",
        ["2:17 the hub is at this name"],
    ),
    "tokens for no Jitsi server": ("jitsi: {app_id: x}", ["1:9 `server` names none"]),
    "half of what tokens need": (
        "jitsi:\n  server: https://meet.example.org\n  app_id: x",
        ["3:3 `app_id` needs `app_secret`"],
    ),
    "a port of the node where Pod Security forbids it": (
        "jitsi: {media: {service: HostPort}}",
        ["1:26 `HostPort` .*Pod Security"],
    ),
    "text instead of a section": (
        "monitoring: true",
        ["1:13 `monitoring` is a mapping, this is `true`"],
    ),
    "text instead of a list": (
        "ci_cd:\n  type: none\n  before_script: echo",
        ["3:18 `before_script` is a list, this is `echo`"],
    ),
    "text instead of a number": ("local:\n  port: http", ["2:9 `port` is a whole number, this is"]),
    "a number in quotes": ("local:\n  port: '8000'", ["2:9 .*remove the quotes: 8000"]),
    "a fraction": ("local:\n  port: 80.5", ["2:9 `port` is a whole number, this is `80.5`"]),
    "yes is not true": (
        "monitoring:\n  enabled: yes",
        ["2:12 `enabled` is `true` or `false`.*true"],
    ),
    "an empty section": ("monitoring:", ["1:1 `monitoring` has no value"]),
    "an empty setting": ("certificate:\n  type:", ["2:3 `type` has no value"]),
    "port out of range": (
        "local:\n  port: 70000",
        ["2:9 `port` is at most 65535, this is `70000`"],
    ),
    "a huge number": ("local:\n  port: " + "9" * 30, ["2:9 `port` is at most 65535"]),
    "a number beyond counting": ("local:\n  port: " + "9" * 5000, ["2:9 `port` is a whole number"]),
    "not a number": ("local:\n  port: .nan", ["2:9 `port` is a whole number"]),
    "infinity": ("local:\n  port: -.inf", ["2:9 `port` is a whole number"]),
    "a date is text": ("local:\n  port: 2026-01-01", ["2:9 `port` is a whole number"]),
    "unknown provider": (
        "provider: azur",
        ["1:11 `azur` is not a value of `provider`; did you mean `azure`? | allowed: local, exist"],
    ),
    "another name of a provider": (
        "provider: digitalocean",
        ["1:11 `digitalocean` .*did you mean `do`?"],
    ),
    "another name of a section": (
        "kubernetes: {}",
        ["1:1 `kubernetes` .*did you mean `existing`?"],
    ),
    "the provider's section is missing": (
        "provider: azure\ndomain: hub.example.org",
        ["1:11 `provider: azure` needs the section `azure` | .*region, storage_account_postfix"],
    ),
    "the provider's section is empty": (
        "provider: do\ndomain: hub.example.org\ndigital_ocean:",
        ["3:1 `provider: do` needs the section `digital_ocean` | it needs: region"],
    ),
    "another provider's section": (
        "local: {}\n" + AWS,
        ["1:1 `local` belongs to `provider: local`, this is `provider: aws`"],
    ),
    "missing keys of a section": (
        "provider: azure\ndomain: hub.example.org\nazure: {}",
        ["3:1 `azure` lacks `region`", "3:1 `azure` lacks `storage_account_postfix`"],
    ),
    "missing domain": (
        "provider: existing",
        ["1:1 `provider: existing` needs a `domain`"],
    ),
    "a misspelt domain is not also a missing one": (
        "provider: existing\ndomian: hub.example.org",
        ["2:1 `domian` is not a setting here; did you mean `domain`?"],
    ),
    "a misspelt section is not also a missing one": (
        AWS.replace("amazon_web_services", "amazon_web_service"),
        ["3:1 `amazon_web_service` is not a setting here; did you mean `amazon_web_services`?"],
    ),
    "a misspelt e-mail is not also a missing one": (
        "certificate:\n  type: lets-encrypt\n  acme_mail: a@example.org\n" + AWS,
        ["3:3 `acme_mail` is not a setting here; did you mean `acme_email`?"],
    ),
    "a domain that is an address": (
        "domain: https://hub.example.org/",
        ["1:9 a domain is a name.* | write `hub.example.org`"],
    ),
    "a domain with bad characters": (
        "domain: my_hub.example.org",
        ["1:9 `my_hub.example.org` is n"],
    ),
    "misspelt region": (
        AWS.replace("us-west-2", "us-wset-2"),
        ["4:11 `us-wset-2` is not a region of aws; did you mean `us-west-2`?"],
    ),
    "misspelt region as the portal writes it": (
        "provider: azure\ndomain: a.example.org\n"
        "azure: {region: Centrl US, storage_account_postfix: x}",
        ["3:17 `Centrl US` is not a region of azure; did you mean `centralus`?"],
    ),
    "zones outside the region": (
        AWS + "  availability_zones: [us-west-2a, us-east-1a]",
        ["5:36 `us-east-1a` is not a zone of the region `us-west-2`"],
    ),
    "bad CIDR": (AWS + "  vpc_cidr_block: 10.0.0.0/64", ["5:19 `10.0.0.0/64` is not a block"]),
    "CIDR with host bits": (
        AWS + "  vpc_cidr_block: 10.1.2.3/16",
        ["5:19 .* | write `10.1.0.0/16`"],
    ),
    "unquoted version": (
        AWS + "  kubernetes_version: 1.20",
        ["5:23 `kubernetes_version` is text, .*`1.20` is the number 1.2 | quote it: '1.20'"],
    ),
    "a version that is none": (
        AWS + "  kubernetes_version: latest",
        ["5:23 `latest` is not a version of Kubernetes"],
    ),
    "negative min": (
        AWS + "  node_groups:\n" + NODES + "    worker: {instance: a, min_nodes: -1}",
        ["8:38 `min_nodes` is at least 0, this is `-1`"],
    ),
    "min more than max": (
        AWS + "  node_groups:\n" + NODES + "    worker: {instance: a, min_nodes: 3, max_nodes: 2}",
        ["8:38 `min_nodes` is 3, more than `max_nodes`, which is 2"],
    ),
    "min more than the default of max": (
        AWS + "  node_groups:\n" + NODES + "    worker: {instance: a, min_nodes: 3}",
        ["8:38 `min_nodes` is 3, more than `max_nodes`, which is 1"],
    ),
    "a node group is missing": (
        AWS + "  node_groups:\n" + NODES,
        ["5:3 `node_groups` lacks `worker`"],
    ),
    "two default profiles": (
        PROFILE.replace("Small", "Small\n      default: true")
        + "    - display_name: Big\n      default: true\n"
        + "      kubespawner_override: {cpu_limit: 1, mem_limit: 2G}",
        ["7:16 a second default profile; the first is in line 4"],
    ),
    "two profiles of a name": (
        PROFILE + PROFILE.partition("jupyterlab:\n")[2].replace("Small", "small"),
        ["5:21 another profile is called `small`, in line 3"],
    ),
    "no profiles": ("profiles: {jupyterlab: []}", ["1:24 `jupyterlab` needs at least 1 item"]),
    "guarantee more than limit": (
        PROFILE.replace("1,", "1, cpu_guarantee: 1500m, mem_guarantee: 2049M,"),
        ["4:59 `cpu_guarantee` is 1500m, more than", "4:81 `mem_guarantee` is 2049M, more than"],
    ),
    "guarantee more than limit of a worker": (
        "conda_store: {worker: {resources: {cpu_guarantee: 3, cpu_limit: 2}}}",
        ["1:51 `cpu_guarantee` is 3, more than `cpu_limit`, which is 2"],
    ),
    "0 cores": (PROFILE.replace("1,", "0,"), ["4:41 nothing runs on 0 CPU cores"]),
    "bad quantity": (PROFILE.replace("2G", "2X"), ["4:55 `2X` is not a quantity"]),
    "quantity without unit": (
        PROFILE.replace("2G", "'2'"),
        ["4:55 `2` is 2 bytes; a unit seems to be missing"],
    ),
    "quantity as a number": (
        PROFILE.replace("2G", "2"),
        ["4:55 `mem_limit` is text.*quote it: '2'"],
    ),
    "bad quantity of a volume": (
        "storage: {conda_store: 60Gb60}",
        ["1:24 `60Gb60` is not a quant"],
    ),
    "image without tag": (
        "default_images: {jupyterlab: team/lab}",
        ["1:30 the image `team/lab` has neither tag nor digest.* | write `team/lab:TAG`"],
    ),
    "image with a port and without tag": (
        'default_images: {jupyterlab: "registry:5000/lab"}',
        ["1:30 the image `registry:5000/lab` has neither tag nor digest"],
    ),
    "image that is none": (
        "default_images: {jupyterlab: 'Team/Lab:1'}",
        ["1:30 `Team/Lab:1` is not the name of an image"],
    ),
    "lets-encrypt without e-mail": (
        "certificate:\n  type: lets-encrypt\n" + AWS,
        ["2:9 `type: lets-encrypt` needs `acme_email`"],
    ),
    "lets-encrypt with a bad e-mail": (
        "certificate:\n  type: lets-encrypt\n  acme_email: ops\n" + AWS,
        ["3:15 `ops` is not an e-mail address"],
    ),
    "environments without who builds them": (
        "conda_store: {enabled: false}\n"
        "environments: {one: {name: one, dependencies: [python]}}\n" + AWS,
        ["1:24 with `provider: aws` conda-store builds `environments`"],
    ),
    "lets-encrypt on this machine": (
        "certificate:\n  type: lets-encrypt\n  acme_email: a@example.org",
        ["2:9 `lets-encrypt` needs a server on the internet.* | allowed here: disabled, self-sig"],
    ),
    "a key of another type of certificate": (
        "certificate:\n  type: self-signed\n  secret_name: x\n" + AWS,
        ["3:3 `secret_name` belongs to `type: existing`, this is `type: self-signed`"],
    ),
    "a certificate of one's own without files": (
        "certificate:\n  type: existing",
        ["2:9 .*needs `certificate_file`", "2:9 .*needs `key_file`"],
    ),
    "a certificate of one's own without secret": (
        "certificate:\n  type: existing\n" + AWS,
        [
            "2:9 `type: existing` needs `certificate_file`, or `secret_name` alone",
            "2:9 `type: existing` needs `key_file`, or `secret_name` alone",
        ],
    ),
    "a certificate twice": (
        "certificate:\n  type: existing\n  secret_name: a\n  key_file: b\n" + AWS,
        ["4:3 there is `secret_name` already, so `key_file` would not be read"],
    ),
    "a secret on this machine": (
        "certificate: {type: existing, secret_name: a, certificate_file: a, key_file: b}",
        ["1:31 `secret_name` names a secret of Kubernetes"],
    ),
    "the dns challenge without a token": (
        "certificate: {type: lets-encrypt, acme_email: a@b.org, acme_challenge_type: dns}\n"
        "dns: {provider: cloudflare}\n" + AWS,
        ["1:77 the `dns` challenge needs `dns.credentials.api_token`"],
    ),
    "half a pair of keys": (
        "dns:\n  provider: route53\n  credentials: {access_key_id: {env: A}}\n" + AWS,
        ["3:3 `credentials` lacks `secret_access_key`"],
    ),
    "another zone's credentials": (
        "dns:\n  provider: route53\n  credentials: {api_token: {env: A}}\n" + AWS,
        ["3:17 `api_token` belongs to `provider: cloudflare`, this is `route53`"],
    ),
    "the dns challenge without dns": (
        "certificate: {type: lets-encrypt, acme_email: a@b.org, acme_challenge_type: dns}\n" + AWS,
        ["1:77 the `dns` challenge needs `dns.provider`"],
    ),
    "a record without dns": (
        "dns: {auto_provision: true}",
        ["1:23 `auto_provision` needs `dns.provider`"],
    ),
    "a record that nothing may make": (
        "dns: {provider: cloudflare, auto_provision: true}",
        ["1:45 `auto_provision` needs `dns.credentials.api_token` with `cloudflare`"],
    ),
    "existing state without backend": (
        "terraform_state:\n  type: existing",
        ["2:9 `type: existing` needs `backend`"],
    ),
    "remote state on this machine": (
        "terraform_state:\n  type: remote",
        ["2:9 `remote` needs a cloud"],
    ),
    "a backend that is not read": (
        "terraform_state:\n  type: local\n  backend: s3",
        ["3:3 `backend` belongs to `type: existing`"],
    ),
    "an address of the network": (
        "local:\n  address: 0.0.0.0",
        ["2:12 `0.0.0.0` can be reached from other machines.*allow_insecure"],
    ),
    "an address that is none": (
        "local:\n  address: localhost",
        ["2:12 `localhost` is not an IP ad"],
    ),
    "a dropped section": (
        "prefect:\n  enabled: true",
        ["1:1 `prefect` was dropped: it is no part .* | delete it"],
    ),
    "a dropped key": (
        PROFILE + "      access: all",
        ["5:7 `access` was dropped: `users` and `groups` of the profile decide"],
    ),
    "a classic local provider": (
        "local:\n  kube_context: minikube",
        ["2:3 `kube_context` was dropped: .*use `provider: existing` for a cluster"],
    ),
    "unknown group of a profile": (
        PROFILE + "      groups: [users, adnim]",
        ["5:23 there is no group `adnim`; did you mean `admin`? | `security.groups` has: adm"],
    ),
    "unknown user of a profile": (
        PROFILE + "      users: [alise]",
        ["5:15 there is no user `alise`; did you mean `alice`?"],
    ),
    "unknown group of an environment": (
        "environments:\n  a: {name: a, dependencies: [x], groups: [nobody]}",
        ["2:44 there is no group `nobody`"],
    ),
    "an environment of no group": (
        "environments:\n  a: {name: a, dependencies: [x], groups: []}",
        ["2:43 `groups` needs at least 1 item"],
    ),
    "two environments of a name": (
        "environments:\n  a: {name: x, dependencies: [x]}\n  b: {name: x, dependencies: [x]}",
        ["3:13 another environment is called `x`, in line 2"],
    ),
    "a requirement that is a number": (
        "environments:\n  a:\n    name: x\n    dependencies: [1.20]",
        ["4:20 item 1 of `dependencies` is text.*quote it: '1.20'"],
    ),
    "colours": ("theme: {jupyterhub: {h1_color: red}}", ["1:32 `red` is not a colour"]),
    "a key that is a number": (
        "monitoring: {1: 2}",
        ["1:14 a key has to be text, this is `1`"],
    ),
}


def assert_told(found: list[str], expected: list[str]) -> None:
    assert len(found) == len(expected), found
    for said, wanted in zip(found, expected, strict=True):
        place, _, words = wanted.partition(" ")
        assert said.startswith(place + " "), said
        assert re.search(re.escape(words).replace(r"\.\*", ".*"), said), said


@pytest.mark.parametrize("case", CASES)
def test_problem(case: str) -> None:
    text, expected = CASES[case]
    assert_told(told(text if text.endswith("\n") else text + "\n"), expected)


PEOPLE: dict[str, tuple[str, list[str]]] = {
    "plain-text password": (
        "a: {uid: 2000, primary_group: g, password: hunter2}",
        ["4:48 a password is stored as a hash"],
    ),
    "password that is neither": (
        "a: {uid: 2000, primary_group: g, password: {env: A, file: b}}",
        ["4:48 a secret is either `{env: NAME}` or `{file: PATH}`"],
    ),
    "no password": (
        "a: {uid: 2000, primary_group: g}",
        ["4:5 `a` has no `password`"],
    ),
    "upper case": (
        f"Ann_Lee: {{uid: 2000, primary_group: g, password: '{HASH}'}}",
        ["4:5 a user name may hold lower-case letters.* | `ann-lee` would do"],
    ),
    "long name": (
        f"{'a' * 28}: {{uid: 2000, primary_group: g, password: '{HASH}'}}",
        ["4:5 a user name has 28 characters, at most 27 are possible"],
    ),
    "duplicate uid": (
        f"a: {{uid: 2000, primary_group: g, password: '{HASH}'}}\n"
        f"    b: {{uid: 2000, primary_group: g, password: '{HASH}'}}",
        ["5:14 the uid 2000 is taken by `a` in line 4"],
    ),
    "uid out of range": (
        f"a: {{uid: 0, primary_group: g, password: '{HASH}'}}",
        ["4:14 `uid` is at least 1000, this is `0`"],
    ),
    "uid of nobody": (
        f"a: {{uid: 65534, primary_group: g, password: '{HASH}'}}",
        ["4:14 65534 is `nobody`"],
    ),
    "unknown group": (
        f"a: {{uid: 2000, primary_group: h, password: '{HASH}'}}",
        ["4:35 there is no group `h`"],
    ),
    "misspelt key and what it stands for": (
        f"a: {{uid: 2000, primary_grp: g, passwrd: '{HASH}'}}",
        ["4:20 `primary_grp` .*`primary_group`", "4:36 `passwrd` .*did you mean `password`"],
    ),
}


@pytest.mark.parametrize("case", PEOPLE)
def test_people(case: str) -> None:
    users, expected = PEOPLE[case]
    text = f"project_name: demo\nsecurity:\n  users:\n    {users}\n  groups: {{g: {{gid: 2000}}}}\n"
    found = [f"{p.line}:{p.column} {p.message} | {p.hint}" for p in problems(text)]
    assert_told(found, expected)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("groups", ["4:37 there is no group `g` | add it to `security.groups`"]),
        ("grups: {g: {gid: 2000}}", ["5:3 `grups` is not a setting here; did you mean `groups`"]),
        ("groups: []", ["5:11 `groups` is a mapping, this is a list"]),
    ],
)
def test_groups_that_are_not_there(section: str, expected: list[str]) -> None:
    user = f"    ann: {{uid: 2000, primary_group: g, password: '{HASH}'}}\n"
    rest = f"  {section}\n" if ":" in section else ""
    found = told("", tail=f"security:\n  users:\n{user}{rest}")
    assert_told(found, expected)


def test_duplicate_gid() -> None:
    found = told("", tail="security:\n  groups:\n    a: {gid: 2000}\n    b: {gid: 2000}\n")
    assert found == ["5:14 the gid 2000 is taken by `a` in line 4 | each gid is used once"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my_project", "`my-project` would do"),
        ("MyProject", "`myproject` would do"),
        ("1st", "starting with a letter"),
        ("demo-", "`demo` would do"),
        ("x" * 21, "has 21 characters, at most 20"),
        ("goog-le", "clouds refuse buckets"),
        ("''", "is empty"),
        ("42", "quote it: '42'"),
        ("null", "has no value"),
        ("{}", "is text, this is a mapping"),
    ],
)
def test_project_names(name: str, said: str) -> None:
    [problem] = problems(f"project_name: {name}\nsecurity: {{}}\n")
    assert said in f"{problem.message} {problem.hint}"
    assert (problem.line, problem.key) == (1, "project_name")


@pytest.mark.parametrize("name", ["default", "kube-system", "my_space", "x" * 16])
def test_namespaces(name: str) -> None:
    [problem] = problems(f"namespace: {name}\nproject_name: demo\nsecurity: {{}}\n")
    assert (problem.line, problem.column) == (1, 12)


SECRET = "security:\n  authentication:\n    type: GitHub\n    config:\n      client_id: a\n"


@pytest.mark.parametrize("secret", ["abc", "12345678", "true", "[a]", "QHUB_SECRET_ID", "1.5"])
def test_plain_secrets_are_refused_and_not_repeated(secret: str) -> None:
    [problem] = problems(f"project_name: demo\n{SECRET}      client_secret: {secret}\n")
    assert "secrets don't belong in this file" in problem.message
    assert problem.hint == "refer to it: {env: NAME} or {file: PATH}"
    assert problem.line == 7
    assert secret not in f"{problem.message}{problem.hint}{problem.source}"


def test_secrets_of_a_custom_authenticator() -> None:
    text = "security:\n  authentication:\n    type: custom\n    authentication_class: a.B\n"
    [problem] = problems(f"project_name: demo\n{text}    config: {{client_secret: abc}}\n")
    assert "secrets don't belong" in problem.message
    assert "abc" not in f"{problem.source}{problem.message}"


def test_plain_passwords_are_not_shown() -> None:
    users = "security:\n  users:\n    a: {password: hunter2, uid: 2000, primary_group: g}\n"
    found = problems(f"project_name: demo\n{users}")
    assert found
    assert all("hunter2" not in f"{p.message}{p.hint}{p.source}" for p in found)


@pytest.mark.parametrize(
    ("kind", "said"),
    [("github", "did you mean `GitHub`?"), ("ldap", "allowed: password, GitHub"), ("", "lacks")],
)
def test_authentication_types(kind: str, said: str) -> None:
    section = f"{{type: {kind}}}" if kind else "{}"
    [problem] = problems(f"project_name: demo\nsecurity: {{authentication: {section}}}\n")
    assert said in f"{problem.message} {problem.hint}"
    assert problem.line == 2


def test_everything_in_one_run_in_file_order() -> None:
    text = """\
    projct_name: demo
    provider: local
    domian: x
    security:
      users:
        Bob: {uid: '1000', primary_group: admn}
      groups:
        admin: {gid: 1}
    profiles:
      jupyterlab:
        - display_name: A
          kubespawner_override: {cpu_limt: 1, mem_limit: 4X, mem_guarantee: 8G}
    """
    found = problems(text)
    places = [(p.line, p.column) for p in found]
    assert places == sorted(places)
    assert {p.line for p in found} == {1, 3, 6, 8, 12}
    assert all(p.source and p.file == "f.yaml" for p in found)
    assert len(found) == 9


def test_the_key_is_a_path() -> None:
    [problem] = problems(PROFILE.replace("2G", "2X"), head="project_name: demo\nsecurity: {}\n")
    assert problem.key == "profiles.jupyterlab[0].kubespawner_override.mem_limit"
    assert problem.source == "      kubespawner_override: {cpu_limit: 1, mem_limit: 2X}"


def test_thousands_of_mistakes_take_seconds() -> None:
    users = "".join(f"    u{n}: {{uid: 1, primary_group: x{n}}}\n" for n in range(1000))
    groups = "".join(f"    g{n}: {{gid: {1000 + n}}}\n" for n in range(1000))
    found = problems(f"project_name: demo\nsecurity:\n  users:\n{users}  groups:\n{groups}")
    assert len(found) == 3999
