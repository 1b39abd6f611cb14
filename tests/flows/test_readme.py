"""What README shows is what happens."""

import re
from pathlib import Path

from tests.flows.conftest import Project

README = Path(__file__).parents[2] / "README.md"


def test_the_first_flow_of_the_readme_runs_as_it_stands_there(project: Project) -> None:
    source, *_ = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    project.write("shards.py", source.replace("cpu=4, memory=16384", "cpu=1, memory=256"))
    assert project.steprelay("check", "shards.py").returncode == 0
    ended = project.run("shards.py")
    assert ended.code == 0, ended.errors
    assert ended.artifacts == {"result": "56"}
