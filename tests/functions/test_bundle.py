"""The runner bundle is in the data bucket before a job needs it."""

import io
import zipfile

from steprelay.relay.bundle import BundlePublisher
from tests.fakes import MemoryObjects


class CountingObjects(MemoryObjects):
    """Counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = self.writes = 0

    def exists(self, key: str) -> bool:
        self.looks += 1
        return super().exists(key)

    def put_once(self, key: str, body: bytes) -> bool:
        self.writes += 1
        return super().put_once(key, body)


def test_the_bundle_is_written_once_and_named_by_its_content() -> None:
    objects = CountingObjects()
    publish = BundlePublisher(objects)
    assert publish() == publish()
    assert list(objects.objects) == [publish()]
    assert publish().startswith("runner/")
    assert (objects.looks, objects.writes) == (1, 1)
    names = zipfile.ZipFile(io.BytesIO(objects.objects[publish()])).namelist()
    assert "steprelay/runner/main.py" in names


def test_a_bundle_that_is_there_is_neither_built_nor_written_again() -> None:
    objects = CountingObjects()
    key = BundlePublisher(objects)()
    assert BundlePublisher(objects)() == key
    assert objects.writes == 1
