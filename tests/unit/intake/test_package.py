"""Reading the spec of an uploaded package: as little as possible of it, and nothing it could do harm with."""

import gzip
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steprelay_core.intake.caps import CAPS
from steprelay_core.intake.package import read_package
from steprelay_core.spec import SpecError
from tests.fakes.archives import Bucket, link, noise, package, problems, spec, spec_member, tar


def test_the_spec_of_a_small_package_is_read_in_one_fetch() -> None:
    bucket = Bucket(package(spec_member(), ("flow.py", b"print()")))
    assert read_package(bucket.fetch, bucket.size).flow.name == "RobustFlow"
    assert len(bucket.fetched) == 1


def test_a_large_package_costs_one_fetch_and_64_kib() -> None:
    bucket = Bucket(package(spec_member(), ("data.bin", noise(3_000_000))))
    read_package(bucket.fetch, bucket.size)
    assert bucket.fetched == [64 * 1024]


def test_the_spec_is_kept_as_it_lies_in_the_archive() -> None:
    name, content = spec_member()
    bucket = Bucket(package((name, content)))
    assert read_package(bucket.fetch, bucket.size).spec == content


@pytest.mark.parametrize("name", ["steprelay.json", "./steprelay.json"])
def test_a_spec_behind_other_members_is_found(name: str) -> None:
    content = spec_member()[1]
    assert problems(package(("a.bin", noise(300_000)), ("b", b""), (name, content), ("c.bin", noise(300_000)))) == []


def test_a_spec_behind_long_names_is_found() -> None:
    written = package(("d" * 200 + "/" + "e" * 250, b"x"), ("ü" * 120, b"y"), spec_member())
    assert problems(written) == []


def test_a_spec_in_a_gnu_archive_with_long_names_is_found() -> None:
    name, content = spec_member()
    info = tarfile.TarInfo("n" * 300)
    header = info.tobuf(tarfile.GNU_FORMAT)
    assert problems(gzip.compress(header + tar((name, content)))) == []


def test_a_spec_too_far_behind_is_refused_with_the_way_out() -> None:
    bucket = Bucket(package(("a.bin", noise(400_000)), spec_member()))
    caps = type(CAPS)(compressed=128 * 1024)
    with pytest.raises(SpecError, match="make it the first member"):
        read_package(bucket.fetch, bucket.size, caps)


@pytest.mark.parametrize("size", [1, 3, 700])
def test_several_gzip_streams_in_a_row_are_one_archive(size: int) -> None:
    whole = tar(spec_member(), ("x", b"content"))
    pieces = [gzip.compress(whole[start : start + size]) for start in range(0, len(whole), size)][:2000]
    rest = whole[size * 2000 :]
    assert problems(b"".join(pieces) + (gzip.compress(rest) if rest else b"")) == []


def test_zeros_behind_the_archive_are_padding() -> None:
    assert problems(package(spec_member()) + bytes(1000)) == []


def test_an_upload_that_is_no_gzip_is_told_apart() -> None:
    assert problems(b"PK\x03\x04 a zip file")[0].startswith("the upload is not a gzip archive")


def test_an_empty_upload_is_told_apart() -> None:
    assert problems(b"")[0].startswith("the upload is empty")


def test_a_gzip_that_holds_no_tar_is_told_apart() -> None:
    assert problems(gzip.compress(b"x" * 2000))[0].startswith("the package is not a tar archive")


@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.9, 0.999])
def test_a_truncated_package_is_refused(part: float) -> None:
    whole = package(spec_member(), ("data.bin", noise(5000)))
    (problem,) = problems(whole[: int(len(whole) * part)])
    assert "cut off" in problem


def test_a_tar_that_ends_inside_a_member_is_refused() -> None:
    whole = tar(spec_member(), ("data.bin", noise(5000)))
    assert "ends inside a member" in problems(gzip.compress(whole[:4000]))[0]


def test_a_damaged_package_is_refused() -> None:
    whole = bytearray(package(spec_member(), ("data.bin", noise(5000))))
    whole[-6] ^= 0xFF  # the checksum
    assert "damaged" in problems(bytes(whole))[0]


def test_a_package_without_a_spec_is_refused_and_says_how_to_pack() -> None:
    (problem,) = problems(package(("flow.py", b"")))
    assert "has no steprelay.json" in problem
    assert "steprelay package" in problem


def test_a_spec_in_a_folder_is_no_spec_of_the_package() -> None:
    assert "has no steprelay.json" in problems(package(("project/steprelay.json", spec_member()[1])))[0]


def test_a_spec_given_twice_is_refused() -> None:
    assert "twice" in problems(package(spec_member(), ("./steprelay.json", b"{}")))[0]


def test_a_spec_that_is_a_link_is_refused() -> None:
    assert "is not a file" in problems(package(("steprelay.json", link("other.json"))))[0]


def test_a_spec_of_300_mb_is_refused_without_reading_it() -> None:
    info = tarfile.TarInfo("steprelay.json")
    info.size = 300_000_000
    bucket = Bucket(gzip.compress(info.tobuf() + bytes(1_000_000)), size=290_000)
    with pytest.raises(SpecError, match=r"300,000,000 bytes; at most 1,048,576"):
        read_package(bucket.fetch, bucket.size)
    assert sum(bucket.fetched) <= 64 * 1024


@pytest.mark.parametrize("members", [[spec_member(), ("zeros", bytes(60_000_000))], [("zeros", bytes(60_000_000))]])
def test_a_package_that_unpacks_to_a_thousand_times_its_size_is_a_bomb(members: list[tuple[str, bytes]]) -> None:
    bucket = Bucket(package(*members))
    with pytest.raises(SpecError, match="like a bomb"):
        read_package(bucket.fetch, bucket.size)
    assert len(bucket.fetched) == 1


def test_a_package_of_countless_empty_members_is_a_bomb() -> None:
    many = [(f"f{number}", b"") for number in range(20_000)]
    assert "members" in problems(package(spec_member(), *many))[0]


def test_a_header_of_many_megabytes_is_not_read_into_memory() -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 200_000_000
    assert "a header of 200,000,000 bytes" in problems(gzip.compress(info.tobuf() + bytes(5000)))[0]


def test_a_thousand_modules_of_a_project_are_no_bomb() -> None:
    modules = [(f"package/module_{number}.py", f"VALUE = {number * 7919}\n".encode()) for number in range(3_000)]
    assert problems(package(spec_member(), *modules)) == []


@pytest.mark.parametrize(
    ("member", "says"),
    [
        (("../evil.py", b""), "outside the package"),
        (("/etc/cron.d/evil", b""), "outside the package"),
        (("a/b/../../../evil", b""), "outside the package"),
        (("..\\evil.py", b""), "outside the package"),
        (("C:\\evil.py", b""), "outside the package"),
        (("link", link("../../etc/passwd")), "leads outside the package"),
        (("a/link", link("../..")), "leads outside the package"),
        (("link", link("/etc/passwd")), "leads outside the package"),
        (("hard", link("../secret", tarfile.LNKTYPE)), "leads outside the package"),
        (("device", link("", tarfile.CHRTYPE)), "device or a pipe"),
        (("disk", link("", tarfile.BLKTYPE)), "device or a pipe"),
        (("pipe", link("", tarfile.FIFOTYPE)), "device or a pipe"),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["spec_first", "spec_last"])
def test_members_that_lead_outside_are_refused(member: tuple[str, bytes], says: str, first: bool) -> None:
    members = [spec_member(), member] if first else [member, spec_member()]
    (problem,) = problems(package(*members))
    assert says in problem


@pytest.mark.parametrize(
    "member", [("a/link", link("../b")), ("..data", b""), ("a..b/c", b""), ("a/../b", b""), ("hard", link("a", b"1"))]
)
def test_members_that_stay_inside_are_fine(member: tuple[str, bytes]) -> None:
    assert problems(package(spec_member(), member)) == []


def test_all_problems_of_a_package_come_at_once() -> None:
    found = problems(package(("../a", b""), spec_member(spec(colour="red", steps={})), ("/b", b"")))
    assert len(found) == 4
    assert any("'../a'" in problem for problem in found)
    assert any("unknown key 'colour'" in problem for problem in found)
    assert any("steps" in problem for problem in found)
    assert any("'/b'" in problem for problem in found)


def test_thousands_of_bad_names_are_told_as_a_few() -> None:
    assert len(problems(package(*[(f"../{number}", noise(40, number)) for number in range(500)], spec_member()))) <= 21


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_bytes_whatever_end_in_anything_but_a_flow_or_problems(data: st.DataObject) -> None:
    whole = bytearray(tar(spec_member(), ("a/b.py", b"print()" * 30), ("x" * 150, b"y")))
    for _ in range(data.draw(st.integers(0, 4))):
        position = data.draw(st.integers(0, len(whole) - 1))
        whole[position] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    body = gzip.compress(bytes(whole[:cut]), 1)
    assert isinstance(problems(body), list)


@given(st.binary(max_size=2000))
def test_no_upload_whatever_raises_anything_but_problems(body: bytes) -> None:
    assert problems(body)
