"""The files of deploy/ agree with the programs and with the schemas of Kubernetes. Docker, Kubernetes and Slurm are not needed."""

from __future__ import annotations

import importlib
import pathlib
import re
import shlex
import subprocess

import pytest
from absl import flags

from mach_tf.training import resume
from tests.helpers import programs

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


def job() -> dict:
    return yaml.safe_load((DEPLOY / "kubernetes-train.yaml").read_text())


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
    for manifest, written in ((manifests()["Deployment"], ["scratch"]), (job(), ["models", "scratch"])):
        pod = manifest["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] and container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert [mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")] == written
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


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


@pytest.mark.parametrize("file", sorted(path.name for path in DEPLOY.glob("kubernetes*.yaml")))
@pytest.mark.parametrize("version", ["1.31", "1.33"])
def test_the_manifests_are_those_of_kubernetes(file, version):
    validator = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate: pip install -e '.[test]'")
    for manifest in yaml.safe_load_all((DEPLOY / file).read_text()):
        assert validator.validate(manifest, version, strict=True) == version
        manifest["spec"]["completion"] = 4
        with pytest.raises(validator.ValidationError, match="completion"):
            validator.validate(manifest, version, strict=True)


def parts_of(ranges: list[str], repetitions: int) -> list[int]:
    return [each for text in ranges for each in resume.parse_range(text, repetitions)]


def test_the_pods_of_the_job_train_all_repetitions():
    programs.forget_flags()
    importlib.import_module("train.main")
    spec = job()["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert {flag for argument in container["args"] for flag in flags_in(argument)} <= {*flags.FLAGS}
    assert [variable["name"] for variable in container["env"]] == ["PART"]
    (asked,) = (argument for argument in container["args"] if argument.startswith("--repetition_range="))
    ranges = [asked.partition("=")[2].replace("$(PART)", str(index)) for index in range(spec["completions"])]
    assert spec["completionMode"] == "Indexed" and spec["parallelism"] == spec["completions"]
    assert parts_of(ranges, 10) == [*range(10)]
    assert spec["podFailurePolicy"]["rules"][1]["onExitCodes"]["containerName"] == container["name"]


@pytest.mark.parametrize("first", [0, 1])
def test_the_tasks_of_the_slurm_array_train_all_repetitions(first, tmp_path):
    for name, script in (("srun", 'shift; exec "$@"'), ("mach-train", "printf '%s\\n' \"$@\"")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    ranges = []
    for task in range(first, first + 4):
        environment = {
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "SLURM_ARRAY_TASK_ID": str(task),
            "SLURM_ARRAY_TASK_MIN": str(first),
            "SLURM_ARRAY_TASK_COUNT": "4",
        }
        command = [DEPLOY / "slurm-train.sh", "--model_dir=a folder", "--repetitions=10"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        *given, asked = done.stdout.splitlines()
        assert given == ["--model_dir=a folder", "--repetitions=10"]
        ranges.append(asked.partition("=")[2])
    assert parts_of(ranges, 10) == [*range(10)]
