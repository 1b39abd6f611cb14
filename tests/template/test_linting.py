from cfnlint.api import lint_file  # type: ignore[import-untyped]

from tests.template.conftest import ROOT


def test_cfn_lint_has_nothing_to_say() -> None:
    # By path, so that it counts lines as an editor does.
    assert [str(match) for match in lint_file(ROOT / "template.yaml")] == []
