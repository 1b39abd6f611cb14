"""TagResource, UntagResource, ListTagsForResource. Callers hold the engine's lock."""

from typing import Any

from steprelay.local.batch.arns import short_name
from steprelay.local.batch.catalog import Catalog
from steprelay.local.batch.errors import ClientError, refuse
from steprelay.local.batch.rules import check_tags
from steprelay.local.batch.store import JobStore

Document = dict[str, Any]


class Tagging:
    """Tags of compute environments, queues, job definitions and jobs."""

    def __init__(self, catalog: Catalog, jobs: JobStore) -> None:
        self._catalog = catalog
        self._jobs = jobs

    def tag_resource(self, request: Document) -> Document:
        tags = {**self._tags(request["resourceArn"]), **request["tags"]}
        refuse(list(check_tags(tags)))
        self._replace(request["resourceArn"], tags)
        return {}

    def untag_resource(self, request: Document) -> Document:
        tags = self._tags(request["resourceArn"])
        left = {key: value for key, value in tags.items() if key not in request["tagKeys"]}
        self._replace(request["resourceArn"], left)
        return {}

    def list_tags_for_resource(self, request: Document) -> Document:
        return {"tags": self._tags(request["resourceArn"])}

    def _tags(self, arn: str) -> dict[str, str]:
        job = self._jobs.get(short_name(arn)) if ":job/" in arn else None
        if job is not None:
            return job.tags
        record = self._catalog.by_arn(arn)
        if record is None:
            raise ClientError(f"Resource {arn} does not exist.")
        tags: dict[str, str] = record["tags"]
        return tags

    def _replace(self, arn: str, tags: dict[str, str]) -> None:
        # Replaced, never changed in place: events already made still hold the old ones.
        job = self._jobs.get(short_name(arn)) if ":job/" in arn else None
        record = self._catalog.by_arn(arn)
        if job is not None:
            job.tags = tags
        elif record is not None:
            record["tags"] = tags
