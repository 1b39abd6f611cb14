"""The runner bundle in the data bucket, put there by whichever function first submits a job."""

from steprelay.runner.bundle import build_bundle, bundle_name
from steprelay_core.ports import Objects


class BundlePublisher:
    """Called for every job; looks once in the life of a container, and builds (a third of a second) if need be."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._published: str | None = None

    def __call__(self) -> str:
        """The key of the bundle, which is there when this returns."""
        if self._published is None:
            key = bundle_name()
            if not self._objects.exists(key):
                self._objects.put_once(key, build_bundle().body)
            self._published = key
        return self._published
