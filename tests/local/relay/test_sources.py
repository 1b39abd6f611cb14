import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from steprelay.local.deployment import archive, packaged
from steprelay.local.sources import Sources


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """A project with one function and the two packages."""
    files = {
        "template.yaml": "Resources: {}\n",
        "functions/light_step/app.py": "handler = None\n",
        "core/steprelay_core/engine.py": "loop = 1\n",
        "src/steprelay/sdk/flow.py": "class FlowSpec: ...\n",
        "src/steprelay/__pycache__/junk.pyc": "junk",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Sources(tmp_path / "template.yaml", tmp_path / "core/steprelay_core", tmp_path / "src/steprelay")


def _names(content: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(content)).namelist()


TEMPLATE: dict[str, Any] = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Light": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "functions/light_step", "Timeout": 3}},
        "Core": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "layers/core"}},
        "Runner": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "src/"}},
        "Bucket": {"Type": "AWS::S3::Bucket"},
    },
}


def test_packaging_replaces_folders_by_archives_laid_out_as_lambda_expects_them(sources: Sources) -> None:
    archives: dict[str, bytes] = {}
    resources = packaged(TEMPLATE, sources, archives)["Resources"]

    def content(name: str, uri: str) -> list[str]:
        return _names(archives[resources[name]["Properties"][uri].rsplit("/", 1)[-1]])

    assert content("Light", "CodeUri") == ["app.py"]
    assert content("Core", "ContentUri") == ["python/steprelay_core/engine.py"]
    assert content("Runner", "ContentUri") == ["python/steprelay/sdk/flow.py"]


def test_packaging_changes_nothing_else_and_leaves_the_template_it_was_given(sources: Sources) -> None:
    before = repr(TEMPLATE)
    made = packaged(TEMPLATE, sources, {})
    assert repr(TEMPLATE) == before
    assert made["Resources"]["Light"]["Properties"]["Timeout"] == 3
    assert made["Resources"]["Bucket"] == TEMPLATE["Resources"]["Bucket"]
    assert made["Transform"] == TEMPLATE["Transform"]


def test_the_same_files_make_the_same_archive_whenever_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text("1")
    first = archive([("app.py", path)])
    path.write_text("1")
    assert archive([("app.py", path)]) == first


@pytest.mark.parametrize(
    "changed",
    ["template.yaml", "functions/light_step/app.py", "core/steprelay_core/engine.py", "src/steprelay/sdk/flow.py"],
)
def test_the_fingerprint_changes_with_all_that_a_relay_runs(sources: Sources, changed: str) -> None:
    before = sources.fingerprint()
    (sources.root / changed).write_text("something else\n")
    assert sources.fingerprint() != before


def test_the_fingerprint_does_not_change_with_what_python_leaves_beside_its_files(sources: Sources) -> None:
    before = sources.fingerprint()
    (sources.root / "src/steprelay/__pycache__/more.pyc").write_text("more")
    assert sources.fingerprint() == before


def test_the_installed_steprelay_has_its_template_and_functions() -> None:
    found = Sources.find()
    assert [name for name, _ in found.function("functions/light_step")] == ["app.py"]
    assert "python/steprelay_core/engine.py" in [name for name, _ in found.layer("layers/core")]
