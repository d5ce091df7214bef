"""The files of deploy/ agree with the programs: flags, paths, ports and sources exist. Docker itself is not needed."""

from __future__ import annotations

import pathlib
import re
import shlex

import pytest

yaml = pytest.importorskip("yaml", reason="the tests of deploy/ need PyYAML: pip install -e '.[test]'")

ROOT = pathlib.Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
FLAGS = set(re.findall(r'flags\.DEFINE_\w+\(\s*"(\w+)"', (ROOT / "serve" / "main.py").read_text()))
PATHS = set(re.findall(r'route\("(/\w*)"', (ROOT / "mach_tf/serving/service/app.py").read_text()))
PORT = 8501


def dockerfile() -> list[list[str]]:
    """The instructions, each as a list of words."""
    lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line and not line.startswith("#")]


def manifests() -> dict[str, dict]:
    return {each["kind"]: each for each in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}


def flags_in(text: str) -> set[str]:
    return set(re.findall(r"--(\w+)=", text))


def test_the_flags_exist():
    container = manifests()["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    (entry,) = (" ".join(words[1:]) for words in dockerfile() if words[0] == "ENTRYPOINT")
    given = [entry, *container["args"], *compose["services"]["mach-serve"]["command"]]
    assert {"servable", "host", "port", "token_file"} == set.union(*map(flags_in, given)) <= FLAGS


def test_the_image_has_every_package_and_no_more_is_sent():
    copied = {words[1] for words in dockerfile() if words[0] == "COPY" and len(words) == 3}
    packages = set(
        re.findall(r'"(\w+)\*?"', re.search(r"find_packages\(include=\[(.*?)\]", (ROOT / "setup.py").read_text())[1])
    )
    assert packages == {name for name in copied if (ROOT / name / "__init__.py").exists()}
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    sources = {
        word for words in dockerfile() if words[0] == "COPY" and "--from=build" not in words for word in words[1:-1]
    }
    assert {line[1:] for line in ignored if line.startswith("!")} == sources
    assert all((ROOT / name).exists() for name in sources)


def test_the_containers_are_not_privileged():
    assert [words[1] for words in dockerfile() if words[0] == "USER"] == ["10001:10001"]
    for service in yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].values():
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        assert all(volume["read_only"] for volume in service["volumes"])
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    pod = manifests()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] and container["securityContext"]["readOnlyRootFilesystem"]
    assert [mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")] == ["scratch"]


def test_probes_and_ports_are_those_of_the_service():
    pod = manifests()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    probes = [container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")]
    assert {probe["path"] for probe in probes} == {"/readyz", "/healthz"} <= PATHS
    assert {probe["port"] for probe in probes} == {container["ports"][0]["name"]}
    assert container["ports"][0]["containerPort"] == PORT
    assert manifests()["Service"]["spec"]["ports"][0]["targetPort"] == container["ports"][0]["name"]
    (health,) = (" ".join(words) for words in dockerfile() if words[0] == "HEALTHCHECK")
    assert f"127.0.0.1:{PORT}/readyz" in health
    assert ["EXPOSE", str(PORT)] in dockerfile()


def test_the_labels_select_the_pods():
    found = manifests()
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels == found["Service"]["spec"]["selector"]
