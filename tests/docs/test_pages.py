"""What all pages owe their readers: links that lead somewhere, and no key, variable or template parameter left out."""

import json
import re
from pathlib import Path

import pytest

from steprelay_core.spec.models import Spec, Step
from tests.docs.pages import anchors, blocks, cells, links, section
from tests.docs.planning import ROOT, plan_step, refused_by_aws

PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    for link in links(page.read_text()):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


@pytest.mark.parametrize(("title", "model"), [("The flow", Spec), ("A step", Step)])
def test_docs_spec_lists_every_key(title: str, model: type[Spec | Step]) -> None:
    written = {
        key.strip(" `")
        for row in cells(section((ROOT / "docs" / "spec.md").read_text(), title))
        for key in row[0].split(",")
    }
    assert written == {name for name in model.model_fields if not name.endswith("_")}


def test_docs_deploy_explains_every_parameter_of_the_template() -> None:
    head = (ROOT / "template.yaml").read_text().partition("\nParameters:\n")[2].partition("\nRules:\n")[0]
    names = re.findall(r"^  (\w+):$", head, re.MULTILINE)
    page = (ROOT / "docs" / "deploy.md").read_text()
    assert "DefinitionsExpireDays" in names
    assert [name for name in names if f"`{name}`" not in page and f"`{name}=" not in page] == []


def test_a_step_that_docs_spec_shows_by_itself_is_one_that_aws_takes() -> None:
    documents = map(json.loads, blocks((ROOT / "docs" / "spec.md").read_text(), "json"))
    steps = [document for document in documents if "spec_version" not in document]
    assert steps
    for step in steps:
        assert list(refused_by_aws(plan_step(step, "ec2"))) == []


def test_the_readme_of_the_docs_names_every_page() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [page.name for page in PAGES[2:] if f"(docs/{page.name})" not in readme] == []
