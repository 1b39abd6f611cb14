"""Values of every parameter of `batch`, for Hypothesis to combine.

`anything` has what may be written, right or wrong on some platform; `likely` what most often goes together, so that
many combinations are accepted.
"""

from typing import Any

from hypothesis import strategies as st

Values = dict[str, st.SearchStrategy[Any]]

words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
paths = words.map(lambda word: f"/{word}")
_tag = st.text("aZ:,; =-é中", max_size=5)
_modes = st.sampled_from(["", ":ro", ":rw"])
_arns = st.sampled_from(["secretsmanager:us-east-1:123456789012:secret:", "ssm:eu-west-1:123456789012:parameter/"])
_limits = st.integers(-1, 100) | st.lists(st.integers(-1, 100), min_size=2, max_size=2) | st.just("5:10")
_host = st.builds("{}:{}{}".format, paths, paths, _modes)
_efs = st.builds("fs-{}:{}{}".format, words, paths, _modes) | st.fixed_dictionaries(
    {"filesystem": words.map(lambda word: f"fs-{word}")},
    optional={
        "target": paths,
        "root": st.just("/") | paths,
        "access_point": words.map(lambda word: f"fsap-{word}"),
        "iam": st.booleans(),
        "read_only": st.booleans(),
    },
)

anything: Values = {
    "cpu": st.sampled_from([0.25, 0.5, 1, 1.5, 2, 2.0, 4, 8, 16, 32, 96]),
    "memory": st.sampled_from([4, 512, 1024, 2048, 4096, 8192, 16384, 61440, 249856]) | st.integers(4, 10**6),
    "gpu": st.integers(0, 8),
    "image": words | st.sampled_from(["team/app:1", "quay.io/team/app@sha256:00", "no image", "x" * 255]),
    "queue": words | st.lists(words, min_size=1, max_size=3),
    "iam_role": words,
    "execution_role": words,
    "shared_memory": st.integers(1, 10**6),
    "max_swap": st.integers(0, 10**6),
    "swappiness": st.integers(0, 100),
    "inferentia": st.integers(0, 16),
    "trainium": st.integers(0, 16),
    "efa": st.integers(0, 32),
    "use_tmpfs": st.booleans(),
    "tmpfs_tempdir": st.booleans(),
    "tmpfs_size": st.integers(1, 10**6),
    "tmpfs_path": paths,
    "ephemeral_storage": st.integers(21, 200),
    "aws_batch_tags": st.dictionaries(_tag.filter(lambda key: key and not key.startswith("aws:")), _tag, max_size=3)
    | st.integers(40, 60).map(lambda count: {f"t{number}": "x" * 256 for number in range(count)}),
    "log_driver": st.sampled_from(["awslogs", "splunk", "fluentd", "papyrus"]),
    "log_options": st.dictionaries(words, words, max_size=2)
    | st.builds("{}:{}".format, words, words).map(lambda option: [option])
    | st.just({"tag": "x" * 25_000}),
    "privileged": st.booleans(),
    "host_volumes": st.lists(_host, max_size=3) | paths,
    "efs_volumes": st.lists(_efs, max_size=3),
    "secrets": st.dictionaries(words.map(lambda word: f"A{word}"), st.builds("arn:aws:{}{}".format, _arns, words))
    | st.just({"STEPRELAY_BUNDLE": "arn:aws:ssm:eu-west-1:123456789012:parameter/a"}),
    "architecture": st.sampled_from(["x86_64", "arm64"]),
    "ulimits": st.dictionaries(st.sampled_from(["nofile", "core", "memlock"]), _limits),
    "share_identifier": st.from_regex(r"[A-Za-z0-9]{1,9}\*?", fullmatch=True),
    "scheduling_priority": st.integers(0, 9999),
    "num_parallel": st.integers(0, 5),
    "max_memory": st.integers(4, 10**6),
    "round_up": st.booleans(),
}

likely: Values = anything | {
    "cpu": st.sampled_from([1, 2]),
    "memory": st.sampled_from([4096, 8192]),
    "gpu": st.just(0),
    "image": words,
    "shared_memory": st.none(),
    "max_swap": st.none(),
    "swappiness": st.none(),
    "inferentia": st.just(0),
    "trainium": st.just(0),
    "efa": st.just(0),
    "use_tmpfs": st.just(False),
    "tmpfs_size": st.none(),
    "ephemeral_storage": st.none() | st.just(50),
    "aws_batch_tags": st.dictionaries(words, words, max_size=3),
    "log_driver": st.sampled_from(["awslogs", "splunk"]),
    "log_options": st.dictionaries(words, words, max_size=2),
    "privileged": st.just(False),
    "host_volumes": st.just([]),
    "efs_volumes": _efs.map(lambda volume: [volume]),
    "architecture": st.none() | st.sampled_from(["x86_64", "arm64"]),
    "ulimits": st.just({}),
    "scheduling_priority": st.none(),
    "num_parallel": st.just(0),
    "max_memory": st.integers(8192, 10**6),
}
